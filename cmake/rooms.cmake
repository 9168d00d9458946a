# One static library gft_<room> per room of src/layers.txt, linked to the rooms it may include. Each source is compiled
# once, as position-independent code, in gft_<room>_obj; libgraft takes the same objects.

# Libraries from the system, by pkg-config, per room. A room without sources asks for nothing.
set(GFT_PACKAGES_formats libprotobuf-c libjpeg spng libwebp jansson libarchive zlib)
set(GFT_PACKAGES_hub libcrypto jansson)
set(GFT_PACKAGES_models jansson)
set(GFT_PACKAGES_train jansson)
set(GFT_PACKAGES_monitor jansson)
set(GFT_PACKAGES_data jansson)
set(GFT_PACKAGES_cli jansson)

set(GFT_ROOMS)        # all rooms, lowest first
set(GFT_ROOM_OBJECTS) # gft_<room>_obj of the rooms below cli that have sources
set(GFT_USED_PACKAGES)

function(gft_room_packages room target)
    foreach(package IN LISTS GFT_PACKAGES_${room})
        pkg_check_modules(GFT_PKG_${package} REQUIRED QUIET IMPORTED_TARGET ${package})
        target_link_libraries(${target} PUBLIC PkgConfig::GFT_PKG_${package})
        list(APPEND GFT_USED_PACKAGES ${package})
    endforeach()
    list(REMOVE_DUPLICATES GFT_USED_PACKAGES)
    set(GFT_USED_PACKAGES ${GFT_USED_PACKAGES} PARENT_SCOPE)
endfunction()

function(gft_room_flags room target)
    target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
    target_compile_options(${target} PRIVATE ${GFT_WARNINGS})
    if(NOT room STREQUAL "kernels")
        target_compile_options(${target} PRIVATE -Wconversion)
    endif()
endfunction()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/layers.txt)
file(STRINGS ${CMAKE_SOURCE_DIR}/src/layers.txt gft_layer_lines REGEX "^[a-z]")
foreach(line IN LISTS gft_layer_lines)
    string(REGEX REPLACE "[ \t]+" ";" words "${line}")
    list(POP_FRONT words room level)
    if(room STREQUAL "cli")
        continue() # the program, see products.cmake
    endif()
    list(APPEND GFT_ROOMS ${room})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.c ${CMAKE_SOURCE_DIR}/src/${room}/*/*.c)
    gft_simd_sources(sources)

    if(NOT sources)
        add_library(gft_${room} INTERFACE)
        target_include_directories(gft_${room} INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
        foreach(lower IN LISTS words)
            target_link_libraries(gft_${room} INTERFACE gft_${lower})
        endforeach()
        continue()
    endif()

    add_library(gft_${room}_obj OBJECT ${sources})
    gft_room_flags(${room} gft_${room}_obj)
    gft_room_packages(${room} gft_${room}_obj)
    set(objects $<TARGET_OBJECTS:gft_${room}_obj>)
    list(APPEND GFT_ROOM_OBJECTS gft_${room}_obj)
    if(room STREQUAL "base")
        target_link_libraries(gft_base_obj PUBLIC Threads::Threads m)
    elseif(room STREQUAL "kernels")
        target_compile_definitions(gft_kernels_obj PUBLIC ${GFT_SIMD_DEFINITIONS})
    elseif(room STREQUAL "formats" AND TARGET gft_proto_obj)
        target_include_directories(gft_formats_obj SYSTEM PUBLIC ${GFT_PROTO_OUT})
        list(APPEND objects $<TARGET_OBJECTS:gft_proto_obj>)
        list(APPEND GFT_ROOM_OBJECTS gft_proto_obj)
    endif()
    foreach(lower IN LISTS words)
        target_link_libraries(gft_${room}_obj PUBLIC gft_${lower})
    endforeach()
    if(TARGET gft_proto_obj AND (room STREQUAL "formats" OR "formats" IN_LIST words))
        add_dependencies(gft_${room}_obj gft_proto_obj) # its headers exist first
    endif()

    add_library(gft_${room} STATIC ${objects})
    set_target_properties(gft_${room} PROPERTIES LINKER_LANGUAGE C ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/rooms)
    # Compile and link needs of the objects, without the objects themselves.
    foreach(kind INCLUDE_DIRECTORIES SYSTEM_INCLUDE_DIRECTORIES COMPILE_DEFINITIONS LINK_LIBRARIES)
        set_property(TARGET gft_${room} APPEND PROPERTY INTERFACE_${kind}
            $<TARGET_PROPERTY:gft_${room}_obj,INTERFACE_${kind}>)
    endforeach()
endforeach()

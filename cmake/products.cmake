# What is shipped: libgraft.a, libgraft.so (exports graft_* only), libgraft_tflite.{a,so} (exports TfLite* only, needs
# the C library alone) and the program.

set(gft_all_objects)
set(gft_edge_objects)
foreach(object IN LISTS GFT_ROOM_OBJECTS)
    list(APPEND gft_all_objects $<TARGET_OBJECTS:${object}>)
    if(object MATCHES "^gft_(base|kernels|flat|graph|ops|edge)_obj$")
        list(APPEND gft_edge_objects $<TARGET_OBJECTS:${object}>)
    endif()
endforeach()

set(gft_public_includes $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

if(gft_all_objects)
    add_library(graft_static STATIC ${gft_all_objects})
    add_library(graft_shared SHARED ${gft_all_objects})
    foreach(target graft_static graft_shared)
        set_target_properties(${target} PROPERTIES OUTPUT_NAME graft LINKER_LANGUAGE C)
        target_include_directories(${target} PUBLIC ${gft_public_includes})
    endforeach()
    set(gft_libraries)
    foreach(package IN LISTS GFT_USED_PACKAGES)
        list(APPEND gft_libraries PkgConfig::GFT_PKG_${package})
    endforeach()
    target_link_libraries(graft_static PUBLIC ${gft_libraries} Threads::Threads m)
    target_link_libraries(graft_shared PRIVATE ${gft_libraries} Threads::Threads m)
    set_target_properties(graft_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/graft.map)
    target_link_options(graft_shared PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/graft.map
        -Wl,--gc-sections -Wl,--as-needed)
    if(NOT GRAFT_SANITIZE AND NOT GRAFT_FUZZ)
        target_link_options(graft_shared PRIVATE -Wl,--no-undefined)
    endif()
endif()

if(TARGET gft_edge_obj)
    add_library(graft_tflite_static STATIC ${gft_edge_objects})
    add_library(graft_tflite_shared SHARED ${gft_edge_objects})
    foreach(target graft_tflite_static graft_tflite_shared)
        set_target_properties(${target} PROPERTIES OUTPUT_NAME graft_tflite LINKER_LANGUAGE C)
        target_include_directories(${target} PUBLIC ${gft_public_includes})
        target_link_libraries(${target} PUBLIC Threads::Threads m)
    endforeach()
    set_target_properties(graft_tflite_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/graft_tflite.map)
    target_link_options(graft_tflite_shared PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/graft_tflite.map
        -Wl,--gc-sections -Wl,--as-needed)
    if(NOT GRAFT_SANITIZE AND NOT GRAFT_FUZZ)
        # The proof that the edge needs nothing but the C library: no symbol is left open.
        target_link_options(graft_tflite_shared PRIVATE -Wl,--no-undefined)
    endif()
endif()

file(GLOB gft_cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/cli/*.c ${CMAKE_SOURCE_DIR}/src/cli/*/*.c)
if(gft_cli_sources AND TARGET graft_static)
    add_executable(graft ${gft_cli_sources})
    gft_room_flags(cli graft)
    gft_room_packages(cli graft)
    target_link_libraries(graft PRIVATE graft_static)
    target_link_options(graft PRIVATE -Wl,--gc-sections -Wl,--as-needed)
endif()

# src/formats/proto/*.proto -> C by protoc-c, in the build folder; included as "saved_model.pb-c.h" (or with the folder
# the .proto lies in). Generated code is compiled without our warnings.

set(GFT_PROTO_DIR ${CMAKE_SOURCE_DIR}/src/formats/proto)
set(GFT_PROTO_OUT ${CMAKE_BINARY_DIR}/proto)
file(GLOB_RECURSE gft_protos CONFIGURE_DEPENDS RELATIVE ${GFT_PROTO_DIR} ${GFT_PROTO_DIR}/*.proto)
file(MAKE_DIRECTORY ${GFT_PROTO_OUT})

if(gft_protos)
    find_program(GRAFT_PROTOC_C NAMES protoc-c protoc-gen-c REQUIRED)
    pkg_check_modules(GFT_PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
    set(gft_proto_sources)
    set(gft_proto_inputs ${gft_protos})
    list(TRANSFORM gft_proto_inputs PREPEND ${GFT_PROTO_DIR}/)
    foreach(proto IN LISTS gft_protos)
        string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${proto})
        get_filename_component(folder ${GFT_PROTO_OUT}/${stem} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(
            OUTPUT ${GFT_PROTO_OUT}/${stem}.c ${GFT_PROTO_OUT}/${stem}.h
            COMMAND ${GRAFT_PROTOC_C} -I${GFT_PROTO_DIR} --c_out=${GFT_PROTO_OUT} ${proto}
            DEPENDS ${gft_proto_inputs}
            COMMENT "protoc-c ${proto}"
            VERBATIM)
        list(APPEND gft_proto_sources ${GFT_PROTO_OUT}/${stem}.c)
    endforeach()
    add_library(gft_proto_obj OBJECT ${gft_proto_sources})
    target_include_directories(gft_proto_obj PRIVATE ${GFT_PROTO_OUT})
    target_compile_options(gft_proto_obj PRIVATE -w)
    target_link_libraries(gft_proto_obj PUBLIC PkgConfig::GFT_PROTOBUF_C)
endif()

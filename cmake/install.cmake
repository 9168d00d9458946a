# Installation: program, libraries, headers, pkg-config file, CMake package, licence. Relocatable; stripped if Release.

include(CMakePackageConfigHelpers)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    install(CODE "set(CMAKE_INSTALL_DO_STRIP TRUE)")
endif()

set(gft_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/graft)
if(TARGET graft)
    install(TARGETS graft RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET graft_static)
    install(TARGETS graft_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    set_target_properties(graft_shared PROPERTIES EXPORT_NAME graft)
    install(TARGETS graft_shared EXPORT graftTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT graftTargets NAMESPACE graft:: DESTINATION ${gft_cmake_dir})
    configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/graftConfig.cmake.in ${CMAKE_BINARY_DIR}/graftConfig.cmake
        INSTALL_DESTINATION ${gft_cmake_dir})
    write_basic_package_version_file(${CMAKE_BINARY_DIR}/graftConfigVersion.cmake COMPATIBILITY SameMinorVersion)
    install(FILES ${CMAKE_BINARY_DIR}/graftConfig.cmake ${CMAKE_BINARY_DIR}/graftConfigVersion.cmake
        DESTINATION ${gft_cmake_dir})
    file(RELATIVE_PATH GFT_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" GFT_PC_PREFIX "${GFT_PC_PREFIX}")
    set(gft_pc_libs) # by name, so that a user of libgraft.so needs none of these packages
    foreach(package IN LISTS GFT_USED_PACKAGES)
        list(APPEND gft_pc_libs ${GFT_PKG_${package}_LDFLAGS})
    endforeach()
    list(REMOVE_DUPLICATES gft_pc_libs)
    list(JOIN gft_pc_libs " " GFT_PC_LIBS)
    configure_file(${CMAKE_SOURCE_DIR}/cmake/graft.pc.in ${CMAKE_BINARY_DIR}/graft.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/graft.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(TARGET graft_tflite_static)
    install(TARGETS graft_tflite_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(TARGETS graft_tflite_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

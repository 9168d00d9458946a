# Tests by glob, one program per file. Labels: unit (and room_<room>), kernels, golden, oom, fuzz, cli, lint;
# also threads where the file starts threads itself (those run under the thread sanitizer too).

pkg_check_modules(GFT_CMOCKA IMPORTED_TARGET cmocka)
set(GFT_TEST_DIR ${CMAKE_SOURCE_DIR}/tests)
set(GFT_FUZZ_RUNS 3000 CACHE STRING "Mutated inputs per fuzz target in ctest")

set(GFT_TEST_ENV "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1")

# gft_add_test(file label library...): builds test_<name> from the file and registers it.
function(gft_add_test file label)
    get_filename_component(name ${file} NAME_WE)
    add_executable(${name} ${file})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src ${GFT_TEST_DIR})
    target_compile_definitions(${name} PRIVATE GFT_TEST_DIR="${GFT_TEST_DIR}")
    # -O1: tests are compiled more often than run. -Wno-psabi: vector types of emulated kernels stay inside a file.
    target_compile_options(${name} PRIVATE ${GFT_TEST_WARNINGS} -Wno-psabi $<$<CONFIG:Release>:-O1>)
    target_link_libraries(${name} PRIVATE ${ARGN} PkgConfig::GFT_CMOCKA Threads::Threads m)
    add_test(NAME ${name} COMMAND ${name})
    file(STRINGS ${file} starts_threads LIMIT_COUNT 1
        REGEX "pthread_create|gft_pool_new|graft_server_start|threads *= *[2-9]")
    if(starts_threads)
        list(APPEND label threads)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT 300 ENVIRONMENT "${GFT_TEST_ENV}")
endfunction()

# Includes and definitions of every room, for tests that link the whole library.
add_library(gft_everything INTERFACE)
foreach(room IN LISTS GFT_ROOMS)
    target_link_libraries(gft_everything INTERFACE gft_${room})
endforeach()

if(GFT_CMOCKA_FOUND)
    foreach(room IN LISTS GFT_ROOMS)
        file(GLOB files CONFIGURE_DEPENDS ${GFT_TEST_DIR}/unit/${room}/test_*.c)
        foreach(file IN LISTS files)
            gft_add_test(${file} "unit;room_${room}" gft_${room})
        endforeach()
    endforeach()
    file(GLOB files CONFIGURE_DEPENDS ${GFT_TEST_DIR}/kernels/test_*.c)
    foreach(file IN LISTS files)
        gft_add_test(${file} kernels gft_ops)
    endforeach()
    foreach(label golden oom)
        file(GLOB files CONFIGURE_DEPENDS ${GFT_TEST_DIR}/${label}/test_*.c)
        foreach(file IN LISTS files)
            gft_add_test(${file} ${label} gft_everything)
        endforeach()
    endforeach()
else()
    message(STATUS "cmocka is not there: tests in C are left out")
endif()

# Fuzz targets: libFuzzer under GRAFT_FUZZ, otherwise the driver that replays the corpus and mutates it.
file(GLOB files CONFIGURE_DEPENDS ${GFT_TEST_DIR}/fuzz/fuzz_*.c)
list(REMOVE_ITEM files ${GFT_TEST_DIR}/fuzz/fuzz_driver.c)
foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" subject ${name})
    set(corpus ${GFT_TEST_DIR}/fuzz/corpus/${subject})
    if(GRAFT_FUZZ)
        add_executable(${name} ${file})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        set(arguments -runs=${GFT_FUZZ_RUNS} -seed=1)
        if(EXISTS ${corpus})
            list(APPEND arguments ${corpus})
        endif()
    else()
        add_executable(${name} ${file} ${GFT_TEST_DIR}/fuzz/fuzz_driver.c)
        set(arguments --runs ${GFT_FUZZ_RUNS} --seed 1 ${corpus})
    endif()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(${name} PRIVATE ${GFT_TEST_DIR})
    target_compile_definitions(${name} PRIVATE GFT_TEST_DIR="${GFT_TEST_DIR}")
    target_compile_options(${name} PRIVATE ${GFT_TEST_WARNINGS})
    target_link_libraries(${name} PRIVATE gft_everything)
    add_test(NAME ${name} COMMAND ${name} ${arguments})
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 300 ENVIRONMENT "${GFT_TEST_ENV}")
endforeach()

# Scripts: the path of the program in $GRAFT, of the trees in $GRAFT_SOURCE and $GRAFT_BUILD.
file(GLOB files CONFIGURE_DEPENDS ${GFT_TEST_DIR}/cli/*.sh)
list(FILTER files EXCLUDE REGEX "/(common|lib[^/]*)\\.sh$")
if(TARGET graft AND NOT GRAFT_SANITIZE AND NOT GRAFT_FUZZ AND NOT CMAKE_CROSSCOMPILING)
    set(gft_script_env "GRAFT=$<TARGET_FILE:graft>" GRAFT_SOURCE=${CMAKE_SOURCE_DIR} GRAFT_BUILD=${CMAKE_BINARY_DIR})
    foreach(file IN LISTS files)
        get_filename_component(name ${file} NAME_WE)
        add_test(NAME cli_${name} COMMAND bash ${file})
        set_tests_properties(cli_${name} PROPERTIES LABELS cli TIMEOUT 600 ENVIRONMENT "${gft_script_env}")
    endforeach()
endif()

# The source tree itself. check_names looks at the libraries, so it is for builds without sanitizers.
find_program(GRAFT_PYTHON python3)
if(GRAFT_PYTHON AND NOT GRAFT_SANITIZE AND NOT GRAFT_FUZZ AND NOT GRAFT_COVERAGE)
    foreach(check layers names sizes banned headers)
        add_test(NAME lint_${check}
            COMMAND ${GRAFT_PYTHON} ${CMAKE_SOURCE_DIR}/tools/lint/check_${check} ${CMAKE_BINARY_DIR})
        set_tests_properties(lint_${check} PROPERTIES LABELS lint TIMEOUT 300)
    endforeach()
endif()

# Small programs that let the interop tests reach C entry points without a command-line verb: bin/<name>.
file(GLOB files CONFIGURE_DEPENDS ${GFT_TEST_DIR}/interop/tools/*.c)
foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME_WE)
    add_executable(${name} ${file})
    target_compile_options(${name} PRIVATE ${GFT_TEST_WARNINGS})
    target_link_libraries(${name} PRIVATE gft_everything)
endforeach()

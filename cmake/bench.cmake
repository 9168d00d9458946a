# Benchmarks by glob, bench/<name>_bench.c; built on demand (ninja kernels_bench), not part of the tests.
file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*_bench.c)
foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL ${file})
    target_compile_options(${name} PRIVATE ${GFT_TEST_WARNINGS})
    target_link_libraries(${name} PRIVATE gft_ops Threads::Threads m)
endforeach()
# Reads models and trains them.
target_link_libraries(train_step_bench PRIVATE gft_train)

add_executable(peak_meter EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/peak_meter.c)
target_compile_options(peak_meter PRIVATE ${GFT_TEST_WARNINGS})
target_link_libraries(peak_meter PRIVATE gft_base Threads::Threads)

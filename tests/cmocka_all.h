/* cmocka wants these headers before its own; tests include this one instead. */
#ifndef GFT_TESTS_CMOCKA_ALL_H
#define GFT_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif

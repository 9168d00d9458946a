/* bfloat16 and IEEE half: conversion to and from float32, rounding to nearest even. */
#ifndef GFT_BASE_FLOAT16_H
#define GFT_BASE_FLOAT16_H

#include <stdint.h>

float gft_f32_from_bf16(uint16_t bits);
uint16_t gft_bf16_from_f32(float value);
float gft_f32_from_f16(uint16_t bits);
uint16_t gft_f16_from_f32(float value);

#endif

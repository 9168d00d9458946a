/*
 * bfloat16 and IEEE 754 half conversions on bit patterns, rounding to nearest, ties to even. NaN
 * stays NaN (made quiet).
 */
#include "base/float16.h"

#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float gft_f32_from_bf16(uint16_t bits) {
    return float_of((uint32_t)bits << 16);
}

uint16_t gft_bf16_from_f32(float value) {
    uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

float gft_f32_from_f16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1fu;
    uint32_t fraction = half & 0x3ffu;
    if (exponent == 0x1f)
        return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0)
        return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f; /* subnormal or zero: exact */
    return float_of(sign | bits_of(magnitude));
}

uint16_t gft_f16_from_f32(float value) {
    uint32_t bits = bits_of(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {   /* below 2^-14: subnormal */
        if (magnitude < 0x33000000u) /* below 2^-25: zero */
            return (uint16_t)sign;
        uint32_t shift = 126 - (magnitude >> 23); /* 14..24: to units of 2^-24 */
        uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
        uint32_t kept = fraction >> shift;
        uint32_t lost = fraction & ((1u << shift) - 1);
        uint32_t tie = 1u << (shift - 1);
        kept += lost > tie || (lost == tie && (kept & 1u));
        return (uint16_t)(sign | kept);
    }
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

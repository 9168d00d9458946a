/*
 * Fuzz target: any bytes through the CSV reader; it ends, and every field is a string within its
 * row.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_csv csv;
    gft_csv_init(&csv, data, size, "fuzz");
    bool more = true;
    size_t rows = 0;
    while (gft_csv_next(&csv, &more, NULL) == GRAFT_OK && more) {
        size_t total = 0;
        for (size_t i = 0; i < csv.count; i++)
            total += strlen(gft_csv_field(&csv, i)) + 1;
        if (total != csv.text.bytes || csv.line > size + 1 || ++rows > size + 1)
            __builtin_trap();
    }
    gft_csv_deinit(&csv);
    return 0;
}

/*
 * Fuzz target: handles as text. What is accepted has one spelling, is a safe relative path and
 * parses to itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/handle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const gft_handle *handle) {
    gft_handle again;
    size_t length = strlen(handle->text);
    if (length == 0 || length > GFT_HANDLE_MAX_BYTES || handle->text[0] == '/' ||
        strstr(handle->text, "..") == handle->text || strstr(handle->text, "/.") ||
        strstr(handle->text, "//"))
        abort();
    if (gft_handle_parse(handle->text, &again, NULL) != GRAFT_OK ||
        strcmp(again.text, handle->text) != 0 || again.versioned != handle->versioned)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_handle handle;
    graft_error err;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (gft_handle_parse(text, &handle, &err) == GRAFT_OK)
        check(&handle);
    (void)gft_handle_looks_like_path(text);
    free(text);
    return 0;
}

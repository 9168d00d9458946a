/*
 * HDF5: the superblock (format specification, II.A), and the bounded access everything else uses.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "formats/hdf5_file_priv.h"

#define SIGNATURE "\x89HDF\r\n\x1a\n"
#define SIGNATURE_BYTES 8

graft_status gft_hdf5_damaged(const gft_hdf5 *file, graft_error *err, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: damaged HDF5: %s", file->where, text);
}

graft_status gft_hdf5_at(const gft_hdf5 *file, uint64_t address, const char *what, gft_cursor *out,
                         graft_error *err) {
    if (address >= file->bytes)
        return gft_hdf5_damaged(file, err, "%s at %llu, beyond the end at %zu", what,
                                (unsigned long long)address, file->bytes);
    *out = gft_cursor_make(file->data, file->bytes, file->where);
    out->at = (size_t)address;
    return GRAFT_OK;
}

graft_status gft_hdf5_range(const gft_hdf5 *file, uint64_t address, uint64_t bytes,
                            const char *what, gft_cursor *out, graft_error *err) {
    if (address > file->bytes || bytes > file->bytes - address)
        return gft_hdf5_damaged(file, err, "%s of %llu bytes at %llu, the file has %zu", what,
                                (unsigned long long)bytes, (unsigned long long)address,
                                file->bytes);
    *out = gft_cursor_make(file->data + address, (size_t)bytes, file->where);
    return GRAFT_OK;
}

graft_status gft_hdf5_expect(const gft_hdf5 *file, gft_cursor *c, const char *letters,
                             uint8_t version, graft_error *err) {
    const size_t at = c->at;
    const uint8_t *found;
    uint8_t have;
    GFT_TRY(gft_cursor_take(c, 4, &found, letters, err));
    if (memcmp(found, letters, 4) != 0)
        return gft_hdf5_damaged(file, err, "no '%s' at %zu", letters, at);
    GFT_TRY(gft_cursor_u8(c, &have, "a version", err));
    if (have > version)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 '%s' of version %d, known is %d",
                        file->where, letters, have, version);
    return GRAFT_OK;
}

graft_status gft_hdf5_number(gft_cursor *c, uint32_t bytes, uint64_t *out, const char *what,
                             graft_error *err) {
    const uint8_t *p;
    uint64_t value = 0;
    GFT_TRY(gft_cursor_take(c, bytes, &p, what, err));
    for (uint32_t i = 0; i < bytes && i < 8; i++)
        value |= (uint64_t)p[i] << (8 * i);
    *out = value;
    return GRAFT_OK;
}

graft_status gft_hdf5_address(const gft_hdf5 *file, gft_cursor *c, uint64_t *out, const char *what,
                              graft_error *err) {
    return gft_hdf5_number(c, file->offset_bytes, out, what, err);
}

graft_status gft_hdf5_length(const gft_hdf5 *file, gft_cursor *c, uint64_t *out, const char *what,
                             graft_error *err) {
    return gft_hdf5_number(c, file->length_bytes, out, what, err);
}

graft_status gft_hdf5_skip(gft_cursor *c, size_t bytes, const char *what, graft_error *err) {
    const uint8_t *unused;
    return gft_cursor_take(c, bytes, &unused, what, err);
}

uint32_t gft_hdf5_log2(uint64_t value) {
    uint32_t log = 0;
    while (value >>= 1)
        log++;
    return log;
}

uint32_t gft_hdf5_number_bytes(uint64_t limit) {
    return gft_hdf5_log2(limit) / 8 + 1;
}

/* ---- the superblock ---- */

static bool size_fits(uint8_t bytes) {
    return bytes == 2 || bytes == 4 || bytes == 8;
}

static graft_status read_sizes(gft_hdf5 *file, gft_cursor *c, graft_error *err) {
    uint8_t offset;
    uint8_t length;
    GFT_TRY(gft_cursor_u8(c, &offset, "size of addresses", err));
    GFT_TRY(gft_cursor_u8(c, &length, "size of lengths", err));
    if (!size_fits(offset) || !size_fits(length))
        return gft_hdf5_damaged(file, err, "addresses of %d and lengths of %d bytes", offset,
                                length);
    file->offset_bytes = offset;
    file->length_bytes = length;
    return GRAFT_OK;
}

/* Versions 0 and 1: the root group is a symbol table entry at the end. */
static graft_status read_old(gft_hdf5 *file, gft_cursor *c, uint8_t version, uint64_t *base,
                             graft_error *err) {
    uint64_t unused;
    GFT_TRY(gft_hdf5_skip(c, 4, "versions", err));
    GFT_TRY(read_sizes(file, c, err));
    GFT_TRY(gft_hdf5_skip(c, version == 1 ? 13 : 9, "B-tree sizes", err));
    GFT_TRY(gft_hdf5_address(file, c, base, "base address", err));
    for (int i = 0; i < 4; i++) /* free space, end of file, driver, the root's name */
        GFT_TRY(gft_hdf5_address(file, c, &unused, "superblock", err));
    return gft_hdf5_address(file, c, &file->root, "root group", err);
}

static graft_status read_new(gft_hdf5 *file, gft_cursor *c, uint64_t *base, graft_error *err) {
    uint64_t unused;
    GFT_TRY(read_sizes(file, c, err));
    GFT_TRY(gft_hdf5_skip(c, 1, "flags", err));
    GFT_TRY(gft_hdf5_address(file, c, base, "base address", err));
    for (int i = 0; i < 2; i++) /* extension, end of file */
        GFT_TRY(gft_hdf5_address(file, c, &unused, "superblock", err));
    return gft_hdf5_address(file, c, &file->root, "root group", err);
}

/* The superblock lies at 0, or behind a block of the user's own, at 512, 1024, 2048, ... */
static graft_status find_superblock(const gft_hdf5 *file, size_t *at, graft_error *err) {
    for (size_t i = 0; i < file->bytes && file->bytes - i >= SIGNATURE_BYTES;
         i = i == 0 ? 512 : i * 2) {
        if (memcmp(file->data + i, SIGNATURE, SIGNATURE_BYTES) == 0) {
            *at = i;
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: not an HDF5 file", file->where);
}

static graft_status read_superblock(gft_hdf5 *file, graft_error *err) {
    size_t at = 0;
    uint8_t version;
    uint64_t base = 0;
    GFT_TRY(find_superblock(file, &at, err));
    gft_cursor c = gft_cursor_make(file->data, file->bytes, file->where);
    c.at = at + SIGNATURE_BYTES;
    GFT_TRY(gft_cursor_u8(&c, &version, "superblock version", err));
    if (version > 3)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: HDF5 superblock of version %d, known are 0 to 3", file->where,
                        version);
    GFT_TRY(version < 2 ? read_old(file, &c, version, &base, err) : read_new(file, &c, &base, err));
    if (base > file->bytes)
        return gft_hdf5_damaged(file, err, "base address %llu is beyond the end",
                                (unsigned long long)base);
    file->data += base;
    file->bytes -= (size_t)base;
    return GRAFT_OK;
}

graft_status gft_hdf5_open_memory(const void *bytes, size_t count, const char *where,
                                  gft_hdf5 **out, graft_error *err) {
    gft_hdf5 *file = gft_calloc(1, sizeof *file);
    if (!file)
        return gft_fail_memory(err, sizeof *file, where);
    file->data = bytes;
    file->bytes = count;
    file->where = gft_strdup(where);
    graft_status status =
        file->where ? read_superblock(file, err) : gft_fail_memory(err, strlen(where), where);
    if (status == GRAFT_OK)
        *out = file;
    else
        gft_hdf5_close(file);
    return status;
}

void gft_hdf5_close(gft_hdf5 *file) {
    if (!file)
        return;
    gft_free(file->where);
    gft_free(file);
}

gft_hdf5_object gft_hdf5_root(const gft_hdf5 *file) {
    return file->root;
}

/*
 * Zip archives through libarchive's reader, which follows the central directory of the file.
 */
#include "formats/zip_archive.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/file.h"
#include "formats/archive_library.h"

#define ZIP_CHUNK_BYTES (256u << 10)

struct gft_zip {
    const gft_archive_library *library;
    struct archive *reader;
    char *where;
    char *name; /* of the member moved to */
    size_t members;
};

static graft_status fail_archive(gft_zip *zip, graft_error *err) {
    const char *text = zip->library->archive_error_string(zip->reader);
    if (zip->library->archive_errno(zip->reader) == ENOMEM)
        return gft_fail_memory(err, 0, zip->where);
    return gft_fail(err, GRAFT_DATA_LOSS, "%s%s%s: damaged zip archive: %.200s", zip->where,
                    zip->name ? "!" : "", zip->name ? zip->name : "",
                    text ? text : "unknown error");
}

static graft_status zip_new(const char *where, gft_zip **out, graft_error *err) {
    const gft_archive_library *library;
    GFT_TRY(gft_archive_load(&library, err));
    gft_zip *zip = gft_calloc(1, sizeof *zip);
    if (!zip)
        return gft_fail_memory(err, sizeof *zip, where);
    zip->library = library;
    zip->where = gft_strdup(where);
    zip->reader = library->archive_read_new();
    if (!zip->where || !zip->reader ||
        library->archive_read_support_format_zip_seekable(zip->reader) != ARCHIVE_OK) {
        gft_zip_close(zip);
        return gft_fail_memory(err, sizeof *zip, where);
    }
    *out = zip;
    return GRAFT_OK;
}

graft_status gft_zip_open(const char *path, gft_zip **out, graft_error *err) {
    /* libarchive's own message for a missing file names no status; ask the system first. */
    if (gft_dir_exists(path))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found a folder, expected a zip archive",
                        path);
    FILE *probe = fopen(path, "rb");
    if (!probe)
        return gft_fail_errno(err, errno, "open", path);
    fclose(probe);
    gft_zip *zip = NULL;
    GFT_TRY(zip_new(path, &zip, err));
    if (zip->library->archive_read_open_filename(zip->reader, path, ZIP_CHUNK_BYTES) !=
        ARCHIVE_OK) {
        graft_status status =
            gft_fail(err, GRAFT_DATA_LOSS, "%s: not a zip archive, or one that ends early", path);
        gft_zip_close(zip);
        return status;
    }
    *out = zip;
    return GRAFT_OK;
}

graft_status gft_zip_open_memory(const void *bytes, size_t count, const char *where, gft_zip **out,
                                 graft_error *err) {
    gft_zip *zip = NULL;
    GFT_TRY(zip_new(where, &zip, err));
    if (zip->library->archive_read_open_memory(zip->reader, bytes, count) != ARCHIVE_OK) {
        graft_status status =
            gft_fail(err, GRAFT_DATA_LOSS, "%s: not a zip archive, or one that ends early", where);
        gft_zip_close(zip);
        return status;
    }
    *out = zip;
    return GRAFT_OK;
}

void gft_zip_close(gft_zip *zip) {
    if (!zip)
        return;
    if (zip->reader)
        zip->library->archive_read_free(zip->reader);
    gft_free(zip->name);
    gft_free(zip->where);
    gft_free(zip);
}

graft_status gft_zip_next(gft_zip *zip, gft_zip_entry *entry, bool *more, graft_error *err) {
    gft_free(zip->name);
    zip->name = NULL;
    struct archive_entry *header;
    int code = zip->library->archive_read_next_header(zip->reader, &header);
    if (code == ARCHIVE_EOF) {
        *more = false;
        return GRAFT_OK;
    }
    if (code != ARCHIVE_OK &&
        code != ARCHIVE_WARN) /* a warning here is a name it could not convert */
        return fail_archive(zip, err);
    if (++zip->members > GFT_ZIP_MAX_MEMBERS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d members in the archive",
                        zip->where, GFT_ZIP_MAX_MEMBERS);
    const char *name = zip->library->archive_entry_pathname(header);
    zip->name = gft_strdup(name ? name : "");
    if (!zip->name)
        return gft_fail_memory(err, 0, zip->where);
    int64_t bytes = zip->library->archive_entry_size_is_set(header)
                        ? zip->library->archive_entry_size(header)
                        : 0;
    *entry = (gft_zip_entry){zip->name, bytes > 0 ? (uint64_t)bytes : 0,
                             zip->library->archive_entry_filetype(header) == AE_IFDIR};
    *more = true;
    return GRAFT_OK;
}

graft_status gft_zip_read(gft_zip *zip, size_t max_bytes, uint8_t **data, size_t *count,
                          graft_error *err) {
    if (!zip->name)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "%s: no member was moved to", zip->where);
    gft_buffer buffer;
    gft_buffer_init(&buffer,
                    max_bytes < SIZE_MAX ? max_bytes + 1 : max_bytes); /* and the closing NUL */
    graft_status status = GRAFT_OK;
    for (;;) {
        const void *block;
        size_t bytes;
        int64_t at;
        int code = zip->library->archive_read_data_block(zip->reader, &block, &bytes, &at);
        if (code == ARCHIVE_EOF)
            break;
        if (code != ARCHIVE_OK)
            GFT_GOTO(fail_archive(zip, err));
        if (bytes > max_bytes - buffer.bytes)
            GFT_GOTO(gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                              "%s!%s: larger than the %zu bytes allowed", zip->where, zip->name,
                              max_bytes));
        GFT_GOTO(gft_buffer_append(&buffer, block, bytes, err));
    }
    GFT_GOTO(gft_buffer_terminate(&buffer, err));
    *data = buffer.data;
    *count = buffer.bytes;
    return GRAFT_OK;
done:
    gft_buffer_deinit(&buffer);
    return status;
}

graft_status gft_zip_read_member(const char *path, const char *name, size_t max_bytes,
                                 uint8_t **data, size_t *count, graft_error *err) {
    gft_zip *zip;
    GFT_TRY(gft_zip_open(path, &zip, err));
    graft_status status = GRAFT_OK;
    gft_zip_entry entry = {0};
    bool more = true;
    for (;;) {
        GFT_GOTO(gft_zip_next(zip, &entry, &more, err));
        if (!more)
            GFT_GOTO(gft_fail(err, GRAFT_NOT_FOUND, "%s: no member '%.200s' in the archive", path,
                              name));
        if (!entry.is_dir && strcmp(entry.name, name) == 0)
            break;
    }
    status = gft_zip_read(zip, max_bytes, data, count, err);
done:
    gft_zip_close(zip);
    return status;
}

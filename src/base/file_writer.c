/*
 * Writing that is never half done: into a file beside the final one, flushed to disk, then renamed
 * over it.
 *
 * A link is written through (its target is replaced); a device or pipe is written directly, since
 * it cannot be replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"

static atomic_uint temporary_number;

/* The path that will be replaced: the target if `path` is a link. */
static char *final_path(const char *path) {
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        char *target = realpath(path, NULL);
        if (target) {
            char *copy = gft_strdup(target);
            free(target); /* from the library */
            return copy;
        }
    }
    return gft_strdup(path);
}

static graft_status open_beside(gft_writer *writer, graft_error *err) {
    struct stat st;
    bool there = stat(writer->path, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: is a folder, expected a file",
                        writer->path);
    if (there && !S_ISREG(st.st_mode)) {
        writer->file = fopen(writer->path, "wb");
        return writer->file ? GRAFT_OK : gft_fail_errno(err, errno, "open", writer->path);
    }
    writer->temp_path = gft_format("%s.partial-%ld-%u", writer->path, (long)getpid(),
                                   atomic_fetch_add(&temporary_number, 1));
    if (!writer->temp_path)
        return gft_fail_memory(err, strlen(writer->path) + 32, "the name of a temporary file");
    int fd = open(writer->temp_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        int failed = errno;
        gft_free(writer->temp_path);
        writer->temp_path = NULL; /* nothing of ours to remove */
        return gft_fail_errno(err, failed, "write", writer->path);
    }
    if (there)
        (void)fchmod(fd, st.st_mode & 07777); /* keep who may read it, where possible */
    writer->file = fdopen(fd, "wb");
    if (!writer->file) {
        int failed = errno;
        close(fd);
        return gft_fail_errno(err, failed, "write", writer->path);
    }
    return GRAFT_OK;
}

graft_status gft_writer_open(gft_writer *writer, const char *path, graft_error *err) {
    *writer = (gft_writer){NULL, NULL, NULL, 0};
    writer->path = final_path(path);
    if (!writer->path)
        return gft_fail_memory(err, strlen(path) + 1, "a file name");
    graft_status status = open_beside(writer, err);
    if (status != GRAFT_OK)
        gft_writer_abort(writer);
    return status;
}

graft_status gft_writer_write(gft_writer *writer, const void *data, size_t bytes,
                              graft_error *err) {
    if (!writer->file)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "file writer: is not open");
    if (bytes == 0)
        return GRAFT_OK;
    errno = 0;
    if (fwrite(data, 1, bytes, writer->file) != bytes)
        return gft_fail_errno(err, errno ? errno : EIO, "write", writer->path);
    writer->bytes += bytes;
    return GRAFT_OK;
}

graft_status gft_writer_pad(gft_writer *writer, size_t alignment, graft_error *err) {
    static const uint8_t zeros[64];
    if (alignment == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "file writer: an alignment of 0");
    size_t over = (size_t)(writer->bytes % alignment);
    size_t missing = over ? alignment - over : 0;
    while (missing > 0) {
        size_t n = gft_size_min(missing, sizeof zeros);
        GFT_TRY(gft_writer_write(writer, zeros, n, err));
        missing -= n;
    }
    return GRAFT_OK;
}

static void sync_folder_of(const char *path) {
    char *folder = gft_strdup(path);
    if (!folder)
        return;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* makes the rename itself durable; not every file system can */
        close(fd);
    }
    gft_free(folder);
}

graft_status gft_writer_commit(gft_writer *writer, graft_error *err) {
    if (!writer->file)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "file writer: is not open");
    graft_status status = GRAFT_OK;
    errno = 0;
    if (fflush(writer->file) != 0 || (writer->temp_path && fsync(fileno(writer->file)) != 0))
        status = gft_fail_errno(err, errno ? errno : EIO, "write", writer->path);
    if (fclose(writer->file) != 0 && status == GRAFT_OK)
        status = gft_fail_errno(err, errno ? errno : EIO, "write", writer->path);
    writer->file = NULL;
    if (status == GRAFT_OK && writer->temp_path) {
        if (rename(writer->temp_path, writer->path) != 0) {
            status = gft_fail_errno(err, errno, "replace", writer->path);
        } else {
            gft_free(writer->temp_path);
            writer->temp_path = NULL;
            sync_folder_of(writer->path);
        }
    }
    gft_writer_abort(writer); /* releases; removes the temporary file if it is still there */
    return status;
}

void gft_writer_abort(gft_writer *writer) {
    if (writer->file)
        (void)fclose(writer->file);
    if (writer->temp_path)
        (void)unlink(writer->temp_path);
    gft_free(writer->temp_path);
    gft_free(writer->path);
    *writer = (gft_writer){NULL, NULL, NULL, 0};
}

graft_status gft_file_write(const char *path, const void *data, size_t bytes, graft_error *err) {
    gft_writer writer;
    GFT_TRY(gft_writer_open(&writer, path, err));
    graft_status status = gft_writer_write(&writer, data, bytes, err);
    if (status == GRAFT_OK)
        status = gft_writer_commit(&writer, err);
    gft_writer_abort(&writer);
    return status;
}

/*
 * JPEG (ITU-T T.81) through libjpeg-turbo: baseline, progressive and arithmetic, grey, YCbCr, RGB,
 * CMYK and YCCK.
 *
 * Accurate integer DCT and fancy upsampling, so pixels equal PIL's and TensorFlow's decode_jpeg
 * with dct_method='INTEGER_ACCURATE' (TensorFlow's default, INTEGER_FAST, differs by a few counts).
 * CMYK goes to RGB with PIL's rounding when the Adobe marker is there (TensorFlow rounds down) and,
 * without it, is taken as not inverted, as TensorFlow does. A picture that ends early is an error,
 * never a half-grey picture.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/alloc.h"
#include "formats/picture_priv.h"

/*
 * A hostile progressive file can ask for very many passes over a big picture in a few bytes; real
 * ones have about ten. Past the usual number, passes times pixels are limited as well.
 */
#define JPEG_MAX_SCANS 200
#define JPEG_USUAL_SCANS 16
#define JPEG_MAX_SCANNED_PIXELS 1.5e9

/*
 * libjpeg reports a fatal error by calling error_exit, which must not return into the library:
 * setjmp is the way it documents, and this is the only file that uses it. What changes between
 * setjmp and longjmp lives in this struct, which belongs to the caller of the function that calls
 * setjmp.
 */
typedef struct jpeg_job {
    struct jpeg_decompress_struct lib; /* first: libjpeg hands its address back */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const uint8_t *bytes;
    size_t count;
    const char *where;
    graft_error *err;
    graft_status status;
    gft_picture picture;
    uint8_t *cmyk; /* one row, for CMYK and YCCK */
    int too_many_scans;
} jpeg_job;

static jpeg_job *job_of(j_common_ptr lib) {
    return (jpeg_job *)(void *)lib;
}

static void on_fatal(j_common_ptr lib) {
    jpeg_job *job = job_of(lib);
    char text[JMSG_LENGTH_MAX];
    lib->err->format_message(lib, text);
    unsigned line = job->lib.output_scanline;
    if (lib->err->msg_code == JERR_OUT_OF_MEMORY)
        job->status = gft_fail_memory(job->err, job->count, job->where);
    else if (job->too_many_scans)
        job->status = gft_fail(job->err, GRAFT_DATA_LOSS, "%s: JPEG with %d or more scans",
                               job->where, job->lib.input_scan_number);
    else if (lib->err->msg_code == JWRN_JPEG_EOF && job->lib.output_height == 0)
        job->status =
            gft_fail(job->err, GRAFT_DATA_LOSS, "%s: the JPEG file ends in its header (%zu bytes)",
                     job->where, job->count);
    else if (lib->err->msg_code == JWRN_JPEG_EOF || lib->err->msg_code == JWRN_HIT_MARKER)
        job->status = gft_fail(job->err, GRAFT_DATA_LOSS,
                               "%s: the JPEG data ends early: %u of %u lines are there (%zu bytes)",
                               job->where, line, (unsigned)job->lib.output_height, job->count);
    else
        job->status =
            gft_fail(job->err, GRAFT_DATA_LOSS, "%s: damaged JPEG: %.*s", job->where, 200, text);
    longjmp(job->jump, 1);
}

/*
 * Data that ran out would go on as grey pixels; every other warning is one PIL and TensorFlow live
 * with too.
 */
static void on_message(j_common_ptr lib, int level) {
    if (level < 0 && (lib->err->msg_code == JWRN_JPEG_EOF || lib->err->msg_code == JWRN_HIT_MARKER))
        on_fatal(lib);
}

static void on_progress(j_common_ptr lib) {
    jpeg_job *job = job_of(lib);
    int scans = job->lib.input_scan_number;
    double pixels = (double)job->lib.image_width * job->lib.image_height;
    if (scans > JPEG_MAX_SCANS ||
        (scans > JPEG_USUAL_SCANS && scans * pixels > JPEG_MAX_SCANNED_PIXELS)) {
        job->too_many_scans = 1;
        on_fatal(lib);
    }
}

static uint8_t muldiv255(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return (uint8_t)(((t >> 8) + t) >> 8);
}

static void cmyk_row_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t width, int inverted) {
    for (size_t x = 0; x < width; x++) {
        unsigned k =
            inverted ? cmyk[4 * x + 3] : 255u - cmyk[4 * x + 3]; /* white left over by black */
        for (size_t c = 0; c < 3; c++) {
            unsigned ink = inverted ? 255u - cmyk[4 * x + c] : cmyk[4 * x + c];
            rgb[3 * x + c] = (uint8_t)(k - muldiv255(ink, k));
        }
    }
}

static graft_status choose_colours(jpeg_job *job) {
    struct jpeg_decompress_struct *lib = &job->lib;
    switch (lib->jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB:
        lib->out_color_space = JCS_RGB;
        return GRAFT_OK;
    case JCS_CMYK:
    case JCS_YCCK:
        lib->out_color_space = JCS_CMYK;
        return GRAFT_OK;
    default:
        return gft_fail(job->err, GRAFT_UNIMPLEMENTED,
                        "%s: JPEG with %d components, expected 1 (grey), 3 or 4 (CMYK)", job->where,
                        lib->num_components);
    }
}

static graft_status read_pixels(jpeg_job *job) {
    struct jpeg_decompress_struct *lib = &job->lib;
    size_t width = lib->output_width;
    int inverted = lib->saw_Adobe_marker;
    if (lib->out_color_space == JCS_CMYK) {
        job->cmyk = gft_malloc(width * 4);
        if (!job->cmyk)
            return gft_fail_memory(job->err, width * 4, job->where);
    }
    while (lib->output_scanline < lib->output_height) {
        uint8_t *row = job->picture.pixels + (size_t)lib->output_scanline * width * 3;
        JSAMPROW into = job->cmyk ? job->cmyk : row;
        if (jpeg_read_scanlines(lib, &into, 1) != 1)
            return gft_fail(job->err, GRAFT_DATA_LOSS,
                            "%s: the JPEG data ends early: %u of %u lines are there", job->where,
                            (unsigned)lib->output_scanline, (unsigned)lib->output_height);
        if (job->cmyk)
            cmyk_row_to_rgb(job->cmyk, row, width, inverted);
    }
    return GRAFT_OK;
}

/* No local variable changes between setjmp and a longjmp. */
static graft_status run(jpeg_job *job) {
    struct jpeg_decompress_struct *lib = &job->lib;
    if (setjmp(job->jump))
        return job->status;
    jpeg_create_decompress(lib);
    lib->progress = &job->progress;
    jpeg_mem_src(lib, job->bytes, (unsigned long)job->count);
    (void)jpeg_read_header(lib, TRUE);
    GFT_TRY(
        gft_picture_init(&job->picture, lib->image_height, lib->image_width, job->where, job->err));
    GFT_TRY(choose_colours(job));
    lib->dct_method = JDCT_ISLOW;
    lib->do_fancy_upsampling = TRUE;
    (void)jpeg_start_decompress(lib);
    GFT_TRY(read_pixels(job));
    (void)jpeg_finish_decompress(lib);
    return GRAFT_OK;
}

graft_status gft_picture_decode_jpeg(const uint8_t *bytes, size_t count, const char *where,
                                     gft_picture *picture, graft_error *err) {
    jpeg_job job;
    memset(&job, 0, sizeof job);
    job.bytes = bytes;
    job.count = count;
    job.where = where;
    job.err = err;
    job.lib.err = jpeg_std_error(&job.errors);
    job.errors.error_exit = on_fatal;
    job.errors.emit_message = on_message;
    job.progress.progress_monitor = on_progress;

    graft_status status = run(&job);
    jpeg_destroy_decompress(&job.lib);
    gft_free(job.cmyk);
    if (status == GRAFT_OK)
        *picture = job.picture;
    else
        gft_picture_deinit(&job.picture);
    return status;
}

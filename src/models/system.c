/*
 * graft/system.h: version, log, processor and words for programs that see only the public headers.
 */
#include "graft/system.h"

#include <archive.h>
#include <jansson.h>
#include <jconfig.h>
#include <openssl/opensslv.h>
#include <protobuf-c/protobuf-c.h>
#include <spng.h>
#include <stdio.h>
#include <webp/decode.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/words.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

const char *graft_version(void) {
    return GFT_VERSION;
}

/* The sink as the program gave it; set once, at start, as gft_log_set_sink is. */
static graft_log_sink public_sink;

static void pass_on(void *context, gft_log_level level, const char *message) {
    public_sink(context, (graft_log_severity)level, message);
}

void graft_log_to(graft_log_sink sink, void *context) {
    public_sink = sink;
    gft_log_set_sink(sink ? pass_on : NULL, context);
}

_Static_assert((int)GRAFT_LOG_DEBUG == (int)GFT_LOG_DEBUG &&
                   (int)GRAFT_LOG_ERROR == (int)GFT_LOG_ERROR,
               "severities are passed on as they are");

int32_t graft_cpu_count(void) {
    return gft_cpu_cores();
}

const char *graft_cpu_name(void) {
    return gft_cpu_model();
}

const char *graft_cpu_level(void) {
    return gft_cpu_level_name(gft_cpu_flags());
}

const char *graft_cpu_level_best(void) {
    return gft_cpu_level_name(gft_cpu_flags_unmasked());
}

bool graft_build_feature(size_t i, const char **name, const char **value) {
    static const struct {
        const char *name, *value;
    } FEATURES[] = {
        {"archive", ARCHIVE_VERSION_ONLY_STRING},
        {"jansson", JANSSON_VERSION},
        {"jpeg", "libjpeg-turbo " TEXT_OF(LIBJPEG_TURBO_VERSION)},
        {"openssl", OPENSSL_VERSION_STR},
        {"png", "libspng " TEXT_OF(SPNG_VERSION_MAJOR) "." TEXT_OF(SPNG_VERSION_MINOR) "." TEXT_OF(
                    SPNG_VERSION_PATCH)},
        {"protobuf-c", PROTOBUF_C_VERSION},
        {"webp", "libwebp, decoder interface " TEXT_OF(WEBP_DECODER_ABI_VERSION)},
        {"zlib", ZLIB_VERSION},
        {"hdf5", "no"},
        {"grpc", "no"},
        {"microhttpd", "no"},
        {"curl", "no"},
        {"mpi", "no"},
    };
    if (i >= sizeof FEATURES / sizeof FEATURES[0])
        return false;
    *name = FEATURES[i].name;
    *value = FEATURES[i].value;
    return true;
}

double graft_peak_rss_mb(void) {
    return gft_peak_rss_mb();
}

uint64_t graft_clock_now_ns(void) {
    return gft_clock_ns();
}

const char *graft_nearest_word(const char *word, const char *const *words, size_t count) {
    return gft_words_nearest(word, words, count);
}

bool graft_parse_int(const char *text, int64_t *out) {
    return gft_words_i64(text, out);
}

bool graft_parse_float(const char *text, double *out) {
    return gft_words_f64(text, out);
}

bool graft_parse_size(const char *text, uint64_t *out) {
    return gft_words_size(text, out);
}

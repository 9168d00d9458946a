/*
 * Replays and mutates a fuzz corpus without a fuzzer: `fuzz_NAME [--runs N] [--seed S]
 * [FILE|FOLDER...]`.
 *
 * Every file of the corpus is run as it is, then N inputs made from them by seeded mutations (bits,
 * bytes, interesting integers, cuts, repeats, splices). An input that crashes is found again with
 * the same seed: its number is written to fuzz_NAME.last before it runs when GRAFT_FUZZ_TRACE is
 * set.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FUZZ_MAX_INPUT ((size_t)1 << 20)
#define MAX_FILES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t bytes;
};

struct corpus {
    struct input items[MAX_FILES];
    size_t count;
};

static struct corpus corpus;

/* splitmix64: small, seeded, good enough to choose mutations. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t n) {
    return n ? (size_t)(next_random(state) % n) : 0;
}

/*
 * A copy of exactly `bytes` bytes on the heap, so that the address sanitizer sees a read past the
 * end.
 */
static uint8_t *exact_copy(const uint8_t *data, size_t bytes) {
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (copy && bytes)
        memcpy(copy, data, bytes);
    return copy;
}

static void run_one(const uint8_t *data, size_t bytes) {
    uint8_t *copy = exact_copy(data, bytes);
    if (!copy)
        return;
    (void)LLVMFuzzerTestOneInput(copy, bytes);
    free(copy);
}

static int add_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 1;
    }
    uint8_t *data = malloc(FUZZ_MAX_INPUT);
    size_t bytes = data ? fread(data, 1, FUZZ_MAX_INPUT, file) : 0;
    fclose(file);
    if (!data || corpus.count == MAX_FILES) {
        free(data);
        return 1;
    }
    corpus.items[corpus.count].data = exact_copy(data, bytes);
    corpus.items[corpus.count].bytes = bytes;
    corpus.count++;
    free(data);
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(const char *path) {
    struct dirent **names;
    int count = scandir(path, &names, NULL, by_name);
    int failed = count < 0;
    for (int i = 0; i < count; i++) {
        char full[4096];
        struct stat st;
        snprintf(full, sizeof full, "%s/%s", path, names[i]->d_name);
        if (stat(full, &st) == 0 && S_ISREG(st.st_mode))
            failed |= add_file(full);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return failed;
}

static void put_integer(uint64_t *state, uint8_t *data, size_t bytes) {
    static const uint64_t interesting[] = {0,
                                           1,
                                           2,
                                           4,
                                           7,
                                           8,
                                           16,
                                           0x7f,
                                           0x80,
                                           0xff,
                                           0x100,
                                           0x7fff,
                                           0x8000,
                                           0xffff,
                                           0x7fffffff,
                                           0x80000000u,
                                           0xffffffffu,
                                           0x100000000u,
                                           0x7fffffffffffffffu,
                                           0x8000000000000000u,
                                           0xffffffffffffffffu};
    uint64_t value = interesting[below(state, sizeof interesting / sizeof interesting[0])];
    size_t width = (size_t)1 << below(state, 4);
    if (width > bytes)
        return;
    size_t at = below(state, bytes - width + 1);
    for (size_t i = 0; i < width; i++)
        data[at + i] = (uint8_t)(value >> (8 * i));
}

/* Copies a stretch of another corpus file over this one, keeping within the buffer. */
static size_t splice(uint64_t *state, uint8_t *data, size_t bytes) {
    const struct input *other = &corpus.items[below(state, corpus.count)];
    if (!other->bytes)
        return bytes;
    size_t from = below(state, other->bytes);
    size_t length = 1 + below(state, other->bytes - from);
    size_t at = below(state, bytes + 1);
    if (length > FUZZ_MAX_INPUT - at)
        length = FUZZ_MAX_INPUT - at;
    memcpy(data + at, other->data + from, length);
    return at + length > bytes ? at + length : bytes;
}

static size_t remove_or_repeat(uint64_t *state, uint8_t *data, size_t bytes, bool repeat) {
    if (!bytes)
        return bytes;
    size_t at = below(state, bytes);
    size_t length = 1 + below(state, bytes - at < 64 ? bytes - at : 64);
    if (length > bytes - at)
        length = bytes - at;
    if (!repeat) {
        memmove(data + at, data + at + length, bytes - at - length);
        return bytes - length;
    }
    if (bytes + length > FUZZ_MAX_INPUT)
        return bytes;
    memmove(data + at + length, data + at, bytes - at);
    return bytes + length;
}

static size_t mutate(uint64_t *state, uint8_t *data, size_t bytes) {
    size_t steps = 1 + below(state, 6);
    for (size_t i = 0; i < steps; i++) {
        switch (below(state, 8)) {
        case 0:
            if (bytes)
                data[below(state, bytes)] ^= (uint8_t)(1u << below(state, 8));
            break;
        case 1:
            if (bytes)
                data[below(state, bytes)] = (uint8_t)next_random(state);
            break;
        case 2:
        case 3:
            put_integer(state, data, bytes);
            break;
        case 4:
            bytes = below(state, bytes + 1);
            break;
        case 5:
            bytes = remove_or_repeat(state, data, bytes, false);
            break;
        case 6:
            bytes = remove_or_repeat(state, data, bytes, true);
            break;
        default:
            bytes = splice(state, data, bytes);
            break;
        }
    }
    return bytes;
}

static void trace(const char *program, uint64_t run) {
    char path[4096];
    snprintf(path, sizeof path, "%s.last", program);
    FILE *file = fopen(path, "w");
    if (!file)
        return;
    fprintf(file, "%llu\n", (unsigned long long)run);
    fclose(file);
}

int main(int argc, char **argv) {
    uint64_t runs = 1000;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (stat(argv[i], &st) != 0) {
            fprintf(stderr, "%s: no corpus here, starting from an empty input\n", argv[i]);
        } else if (S_ISDIR(st.st_mode) ? add_folder(argv[i]) : add_file(argv[i])) {
            return 1;
        }
    }
    size_t replayed = corpus.count;
    for (size_t i = 0; i < replayed; i++)
        run_one(corpus.items[i].data, corpus.items[i].bytes);
    run_one(NULL, 0);
    if (!corpus.count)
        corpus.items[corpus.count++] = (struct input){exact_copy((const uint8_t *)"", 0), 0};

    bool traced = getenv("GRAFT_FUZZ_TRACE") != NULL;
    uint8_t *work = malloc(FUZZ_MAX_INPUT);
    if (!work)
        return 1;
    for (uint64_t run = 0; run < runs; run++) {
        uint64_t state = seed * 0x2545f4914f6cdd1du + run;
        const struct input *from = &corpus.items[below(&state, corpus.count)];
        if (from->bytes)
            memcpy(work, from->data, from->bytes);
        size_t bytes = mutate(&state, work, from->bytes);
        if (traced)
            trace(argv[0], run);
        run_one(work, bytes);
    }
    free(work);
    for (size_t i = 0; i < corpus.count; i++)
        free(corpus.items[i].data);
    printf("%zu files replayed, %llu mutations run\n", replayed, (unsigned long long)runs);
    return 0;
}

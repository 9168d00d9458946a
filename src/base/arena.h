/*
 * Arena: objects that live and die together (a graph, a parsed file, a request). Freed as a whole.
 */
#ifndef GFT_BASE_ARENA_H
#define GFT_BASE_ARENA_H

#include <stddef.h>

typedef struct gft_arena_block gft_arena_block;

/* One thread at a time. Zero-initialised is a valid empty arena. */
typedef struct gft_arena {
    gft_arena_block *head;
    size_t used_bytes;
} gft_arena;

void gft_arena_init(gft_arena *arena);
void gft_arena_deinit(gft_arena *arena);

/** Zeroed memory aligned to 16 bytes; NULL when out of memory. Zero bytes give a valid pointer. */
void *gft_arena_alloc(gft_arena *arena, size_t bytes);
/** count * bytes, checked. */
void *gft_arena_array(gft_arena *arena, size_t count, size_t bytes);
/** Everything of `from`, which is empty afterwards. */
void gft_arena_adopt(gft_arena *arena, gft_arena *from);
char *gft_arena_strdup(gft_arena *arena, const char *s);
char *gft_arena_strndup(gft_arena *arena, const char *s, size_t n);
void *gft_arena_memdup(gft_arena *arena, const void *p, size_t bytes);
char *gft_arena_format(gft_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

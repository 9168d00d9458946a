/*
 * Arena: a list of zeroed blocks, each filled from the front. Blocks double up to 1 MiB; what is
 * larger gets a block of its own behind the current one, so that the current one goes on being
 * filled. An arena that holds megabytes goes on in large pages (packed weights: a page fault for
 * every 4 KiB would take longer than the packing).
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

#define ARENA_ALIGN 16
#define FIRST_BLOCK_BYTES ((size_t)4 << 10)
#define LAST_BLOCK_BYTES ((size_t)1 << 20)

struct gft_arena_block {
    gft_arena_block *next;
    size_t capacity;
    size_t used;
    size_t pages; /* bytes of gft_pages_new; 0: the block is malloc's */
};

_Static_assert(sizeof(gft_arena_block) % ARENA_ALIGN == 0, "payload must stay aligned");

void gft_arena_init(gft_arena *arena) {
    *arena = (gft_arena){NULL, 0};
}

void gft_arena_deinit(gft_arena *arena) {
    gft_arena_block *block = arena->head;
    while (block) {
        gft_arena_block *next = block->next;
        if (block->pages)
            gft_pages_free(block, block->pages);
        else
            gft_free(block);
        block = next;
    }
    *arena = (gft_arena){NULL, 0};
}

/* Filled next if it has more room left than the current one. */
static gft_arena_block *add_pages(gft_arena *arena, size_t bytes) {
    gft_arena_block *head = arena->head;
    size_t total;
    if (!gft_size_add(bytes, sizeof(gft_arena_block) + GFT_PAGES - 1, &total))
        return NULL;
    total = total / GFT_PAGES * GFT_PAGES;
    gft_arena_block *block = gft_pages_new(total);
    if (!block)
        return NULL;
    block->pages = total;
    block->capacity = total - sizeof(gft_arena_block);
    if (head && head->capacity - head->used > block->capacity - bytes) {
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        arena->head = block;
    }
    return block;
}

static gft_arena_block *add_block(gft_arena *arena, size_t bytes) {
    gft_arena_block *head = arena->head;
    if (arena->used_bytes >= GFT_PAGES || bytes >= GFT_PAGES)
        return add_pages(arena, bytes);
    size_t capacity = FIRST_BLOCK_BYTES;
    if (head && head->capacity >= FIRST_BLOCK_BYTES)
        capacity = gft_size_min(head->capacity * 2, LAST_BLOCK_BYTES);
    bool own = bytes > capacity / 2;
    if (own)
        capacity = bytes;
    size_t total;
    if (!gft_size_add(capacity, sizeof(gft_arena_block), &total))
        return NULL;
    gft_arena_block *block = gft_calloc(1, total);
    if (!block)
        return NULL;
    block->capacity = capacity;
    if (own && head) {
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        arena->head = block;
    }
    return block;
}

void *gft_arena_alloc(gft_arena *arena, size_t bytes) {
    size_t needed;
    if (!gft_size_add(bytes ? bytes : 1, ARENA_ALIGN - 1, &needed))
        return NULL;
    needed = needed / ARENA_ALIGN * ARENA_ALIGN;
    gft_arena_block *block = arena->head;
    if (!block || block->capacity - block->used < needed) {
        block = add_block(arena, needed);
        if (!block)
            return NULL;
    }
    uint8_t *p = (uint8_t *)(block + 1) + block->used;
    block->used += needed;
    arena->used_bytes += needed;
    return p;
}

void gft_arena_adopt(gft_arena *arena, gft_arena *from) {
    gft_arena_block **end = &from->head;
    while (*end)
        end = &(*end)->next;
    *end = arena->head; /* the block that is being filled is now one of `from` */
    arena->head = from->head;
    arena->used_bytes += from->used_bytes;
    *from = (gft_arena){NULL, 0};
}

void *gft_arena_array(gft_arena *arena, size_t count, size_t bytes) {
    size_t total;
    return gft_size_mul(count, bytes, &total) ? gft_arena_alloc(arena, total) : NULL;
}

char *gft_arena_strdup(gft_arena *arena, const char *s) {
    return gft_arena_strndup(arena, s, strlen(s));
}

char *gft_arena_strndup(gft_arena *arena, const char *s, size_t n) {
    size_t length =
        n ? strnlen(s, n) : 0; /* an empty field of a message has no bytes to point to */
    char *copy = gft_arena_alloc(arena, length + 1);
    if (copy && length)
        memcpy(copy, s, length); /* the rest is zero already */
    return copy;
}

void *gft_arena_memdup(gft_arena *arena, const void *p, size_t bytes) {
    void *copy = gft_arena_alloc(arena, bytes);
    if (copy && bytes)
        memcpy(copy, p, bytes);
    return copy;
}

char *gft_arena_format(gft_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : gft_arena_alloc(arena, (size_t)n + 1);
    if (text)
        (void)vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

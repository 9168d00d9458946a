/*
 * Which memory is that of a mapped file.
 */
#ifndef GFT_BASE_MAP_LIST_H
#define GFT_BASE_MAP_LIST_H

#include <stddef.h>

void gft_map_list_add(const void *data, size_t bytes);
void gft_map_list_remove(const void *data);
/**
 * Gives back the pages inside of this memory where it is a mapped file's: they leave the process
 * and are read again (mostly from the system's cache) when somebody looks. No effect on any other
 * memory. Safe from any thread.
 */
void gft_map_let_go(const void *data, size_t bytes);

#endif

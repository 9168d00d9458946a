/*
 * How a list of named arrays is handed to programs: it owns an arena (graft_arrays_free).
 */
#ifndef GFT_MODELS_ARRAYS_H
#define GFT_MODELS_ARRAYS_H

#include "base/arena.h"
#include "base/error.h"
#include "graft/model.h"

/** Takes over the arena with all that the list points to; on an error it is the caller's still. */
GRAFT_MUST_CHECK graft_status gft_arrays_take(gft_arena *arena, const graft_tensor *list,
                                              size_t count, graft_tensor **out, graft_error *err);

#endif

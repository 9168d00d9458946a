/*
 * Precisions by name: "f32", "bf16", "f16".
 */
#include <string.h>

#include "base/error.h"
#include "base/words.h"
#include "graft/model.h"

graft_status graft_precision_parse(const char *text, graft_dtype *out, graft_error *err) {
    static const char *const names[] = {"f32", "bf16", "f16"};
    static const graft_dtype dtypes[] = {GRAFT_F32, GRAFT_BF16, GRAFT_F16};
    if (!text)
        text = names[0];
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = dtypes[i];
            return GRAFT_OK;
        }
    }
    const char *near = gft_words_nearest(text, names, 3);
    if (!near && (text[0] == 'b' || text[0] == 'f')) /* f8, b16: too short for a nearest word */
        near = text[0] == 'b' ? "bf16" : "f16";
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "precision: unknown '%s'; expected f32, bf16 or f16%s%s%s", text,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/*
 * Data sets in TFRecord files, private to the data room: which files belong together
 * (records_files.c), what a record says (records_example.c), which classes that makes
 * (records_classes.c). dataset_tfrecord.c joins them.
 */
#ifndef GFT_DATA_RECORDS_H
#define GFT_DATA_RECORDS_H

#include "data/dataset.h"
#include "formats/example.h"
#include "formats/tfrecord_file.h"

/* ---- records_files.c ---- */

typedef struct gft_record_path {
    char *path; /* heap */
    graft_split split;
} gft_record_path;

typedef struct gft_record_paths {
    gft_record_path *items;
    size_t count, capacity;
    bool presplit; /* names say train, val or test */
    char *labels;  /* a file of class names beside them, heap; NULL: none */
} gft_record_paths;

/**
 * True for names TFRecord files have: "x.tfrecord", "x.tfrecord-00000-of-00012",
 * "train-00000-of-01024".
 */
bool gft_is_record_name(const char *name);
/**
 * Files by the path of one, of a folder of them (or of train/ val/ test/ of them), a pattern with *
 * or ?, or what their names begin with. Sorted by split, then name. NOT_FOUND if there are none;
 * FAILED_PRECONDITION for a missing shard.
 */
GRAFT_MUST_CHECK graft_status gft_record_paths_find(const char *path, gft_record_paths *out,
                                                    graft_error *err);
void gft_record_paths_deinit(gft_record_paths *paths);

/* ---- records_example.c ---- */

/* What a record says of one picture; everything is borrowed from the record. */
typedef struct gft_record_facts {
    graft_string_view picture;
    graft_string_view text; /* class name; bytes 0: none */
    graft_string_view file; /* name of the picture's file; bytes 0: none */
    bool has_number;
    int64_t number; /* label as stored */
} gft_record_facts;

/**
 * Finds them under the keys that are in use. INVALID_ARGUMENT names what is missing and which
 * features there are.
 */
GRAFT_MUST_CHECK graft_status gft_record_facts_read(const uint8_t *record, size_t bytes,
                                                    const char *where, gft_record_facts *out,
                                                    graft_error *err);

/* ---- records_classes.c ---- */

/**
 * Makes the data set's classes of all records' labels and gives each record its own.
 *
 * Numbers keep their order, whether they begin at 0, 1 or elsewhere; names are those of a labels
 * file, of the records, or the numbers. Records without numbers get classes sorted by name.
 *
 * @param labels_file NULL: none
 * @param labels      [out] per record
 */
GRAFT_MUST_CHECK graft_status gft_record_classes(graft_dataset *dataset,
                                                 const gft_record_facts *facts, int64_t count,
                                                 const char *labels_file, int32_t *labels,
                                                 graft_error *err);

#endif

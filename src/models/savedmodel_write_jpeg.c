/*
 * serving_jpeg: encoded pictures in, what serving_default gives out. A function per picture
 * decodes, crops, resizes and pads as the model's preprocessing rule says (data/preprocess.c),
 * MapDefun runs it over the batch.
 *
 * PIL's resize rounds to 8 bits between its horizontal and its vertical pass: so does this one,
 * with ScaleAndTranslate, whose kernels and antialiasing are PIL's, once for each direction. JPEG
 * is decoded with the accurate integer DCT and smooth upsampling, PNG and GIF come through the same
 * op, BMP through DecodeBmp.
 */
#include "models/savedmodel_write.h"
#include "models/savedmodel_write_picture.h"

#define ONE_PICTURE "decode_and_resize"
#define DECODE_BMP "decode_bmp"
#define DECODE_OTHER "decode_jpeg_png_gif"

/* A function from a scalar string to pixels: uint8 (?,?,3). */
static void write_decoder(gft_sm_writer *w, const char *name, bool bmp) {
    gft_tf_function f;
    const graft_shape scalar = {0, {0}};
    gft_tf_function_begin(&f, &w->pb, name);
    if (w->pb.failed)
        return;
    const char *bytes = gft_tf_function_arg(&f, "contents", GRAFT_STRING, &scalar);
    gft_tf_node *node = gft_tf_add(&f.nodes, bmp ? "DecodeBmp" : "DecodeJpeg");
    gft_tf_input(&f.nodes, node, bytes);
    gft_tf_attr_int(&f.nodes, node, "channels", 3);
    if (!bmp) {
        gft_tf_attr_int(&f.nodes, node, "ratio", 1);
        gft_tf_attr_bool(&f.nodes, node, "fancy_upscaling", true);
        gft_tf_attr_bool(&f.nodes, node, "try_recover_truncated", false);
        gft_tf_attr_float(&f.nodes, node, "acceptable_fraction", 1.0f);
        gft_tf_attr_text(&f.nodes, node, "dct_method", "INTEGER_ACCURATE");
    }
    gft_tf_function_result(&f, "image", GRAFT_U8, gft_tf_output(&f.nodes, node, 0));
    f.def->signature->is_stateful = 0;
    gft_tf_function_end(&f, w->meta->graph_def->library);
}

static const char *scalar_text(gft_tf_nodes *nodes, const char *name, const char *text) {
    const int64_t none = 0;
    const char *vector = gft_tf_const_strings(nodes, name, &text, 1);
    gft_tf_node *node = gft_tf_add(nodes, "Reshape");
    gft_tf_input(nodes, node, vector);
    gft_tf_input(nodes, node, gft_tf_const_ints(nodes, "scalar", &none, 0));
    gft_tf_attr_type(nodes, node, "T", GRAFT_STRING);
    gft_tf_attr_type(nodes, node, "Tshape", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}

/* Pixels of any kind of picture that TensorFlow decodes. */
static const char *decode(gft_sm_writer *w, gft_tf_nodes *nodes, const char *bytes) {
    gft_tf_node *head = gft_tf_add(nodes, "Substr");
    gft_tf_input(nodes, head, bytes);
    gft_tf_input(nodes, head, gft_tf_const_s32(nodes, "from", 0));
    gft_tf_input(nodes, head, gft_tf_const_s32(nodes, "length", 2));
    gft_tf_attr_type(nodes, head, "T", GRAFT_S32);
    gft_tf_attr_text(nodes, head, "unit", "BYTE");
    gft_tf_node *equal = gft_tf_add(nodes, "Equal");
    gft_tf_input(nodes, equal, gft_tf_output(nodes, head, 0));
    gft_tf_input(nodes, equal, scalar_text(nodes, "magic", "BM"));
    gft_tf_attr_type(nodes, equal, "T", GRAFT_STRING);
    gft_tf_attr_bool(nodes, equal, "incompatible_shape_error", true);
    gft_tf_node *branch = gft_tf_add(nodes, "StatelessIf");
    gft_tf_input(nodes, branch, gft_tf_output(nodes, equal, 0));
    gft_tf_input(nodes, branch, bytes);
    const graft_dtype in = GRAFT_STRING;
    const graft_dtype out = GRAFT_U8;
    gft_tf_attr_type(nodes, branch, "Tcond", GRAFT_BOOL);
    gft_tf_attr_types(nodes, branch, "Tin", &in, 1);
    gft_tf_attr_types(nodes, branch, "Tout", &out, 1);
    gft_tf_attr_function(nodes, branch, "then_branch", DECODE_BMP);
    gft_tf_attr_function(nodes, branch, "else_branch", DECODE_OTHER);
    (void)w;
    return gft_tf_output(nodes, branch, 0);
}

static void write_one_picture(gft_sm_writer *w) {
    gft_tf_function f;
    const graft_shape scalar = {0, {0}};
    gft_tf_function_begin(&f, &w->pb, ONE_PICTURE);
    if (w->pb.failed)
        return;
    const char *bytes = gft_tf_function_arg(&f, "contents", GRAFT_STRING, &scalar);
    const char *pixels = decode(w, &f.nodes, bytes);
    const char *picture = gft_sm_resize_picture(&f.nodes, &w->model->preprocess, pixels);
    gft_tf_function_result(&f, "picture", GRAFT_F32, picture);
    f.def->signature->is_stateful = 0;
    gft_tf_function_end(&f, w->meta->graph_def->library);
}

/* The batch of pictures from a batch of strings. */
static const char *map_pictures(gft_sm_writer *w, gft_tf_nodes *nodes, const char *bytes) {
    const graft_preprocess *rule = &w->model->preprocess;
    const graft_shape picture = {3, {rule->height, rule->width, 3}};
    const graft_dtype in = GRAFT_STRING;
    const graft_dtype out = GRAFT_F32;
    gft_tf_node *map = gft_tf_add(nodes, "MapDefun");
    gft_tf_input(nodes, map, bytes);
    gft_tf_attr_types(nodes, map, "Targuments", &in, 1);
    gft_tf_attr_types(nodes, map, "Tcaptured", NULL, 0);
    gft_tf_attr_types(nodes, map, "output_types", &out, 1);
    gft_tf_attr_shape_list(nodes, map, "output_shapes", &picture, 1);
    gft_tf_attr_function(nodes, map, "f", ONE_PICTURE);
    gft_tf_attr_int(nodes, map, "max_intra_op_parallelism", 1);
    return gft_tf_output(nodes, map, 0);
}

graft_status gft_sm_write_jpeg(gft_sm_writer *w, gft_sm_signature *s, graft_error *err) {
    gft_tf_function f;
    gft_tf_nodes *nodes = &f.nodes;
    write_decoder(w, DECODE_BMP, true);
    write_decoder(w, DECODE_OTHER, false);
    write_one_picture(w);
    gft_tf_function_begin(&f, &w->pb, s->wrapper);
    const char **handles =
        gft_arena_array(&w->arena, (size_t)s->capture_count + 1, sizeof *handles);
    if (!handles || w->pb.failed)
        return gft_fail_memory(err, 0, "a SavedModel");
    const char *bytes =
        gft_tf_function_arg(&f, s->inputs[0].name, GRAFT_STRING, &s->inputs[0].desc.shape);
    for (int32_t i = 0; i < s->capture_count; i++) {
        const gft_param *param = w->variables[s->captures[i]].param;
        handles[i] = gft_tf_function_handle(&f, param->name, &param->desc);
    }
    const char *pictures = map_pictures(w, nodes, bytes);
    gft_tf_node *call = gft_sm_call(nodes, "StatefulPartitionedCall", s->body);
    gft_tf_input(nodes, call, pictures);
    for (int32_t i = 0; i < s->capture_count; i++)
        gft_tf_input(nodes, call, handles[i]);
    gft_sm_call_types(w, nodes, call, &w->signatures[0], false);
    for (int32_t i = 0; i < s->output_count; i++) {
        const char *tensor = gft_tf_unary(nodes, "Identity", gft_tf_output(nodes, call, i),
                                          s->outputs[i].desc.dtype);
        gft_tf_function_result(&f, s->outputs[i].name, s->outputs[i].desc.dtype, tensor);
    }
    gft_tf_function_control(&f, call);
    gft_tf_function_end(&f, w->meta->graph_def->library);
    return w->pb.failed ? gft_fail_memory(err, 0, "a SavedModel") : GRAFT_OK;
}

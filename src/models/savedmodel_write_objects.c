/*
 * The object graph of a SavedModel: what tf.saved_model.load, tf_hub and Keras see. The root has
 * `variables`, `trainable_variables`, `regularization_losses`, `__call__(inputs, training=False)`
 * and `signatures`; trainable variables are the same nodes in both lists, which tf_hub relies on.
 */
#include "models/savedmodel_struct.h"
#include "models/savedmodel_write.h"

enum { ROOT, VARIABLES, TRAINABLE, LOSSES, CALL, SIGNATURES, FIRST_VARIABLE };

typedef Tensorflow__TrackableObjectGraph__TrackableObject__ObjectReference reference;

static reference *reference_new(gft_pb *pb, int32_t node, const char *name) {
    reference *r =
        GFT_PB_NEW(pb, Tensorflow__TrackableObjectGraph__TrackableObject__ObjectReference,
                   TENSORFLOW__TRACKABLE_OBJECT_GRAPH__TRACKABLE_OBJECT__OBJECT_REFERENCE__INIT);
    if (r && name) {
        r->node_id = node;
        r->local_name = (char *)(uintptr_t)name;
    }
    return name ? r : NULL;
}

static void child(gft_pb *pb, Tensorflow__SavedObject *object, int32_t node, const char *name) {
    if (object)
        GFT_PB_PUSH(pb, object, children, reference_new(pb, node, name));
}

static Tensorflow__SavedObject *object_new(gft_sm_writer *w,
                                           Tensorflow__SavedObject__KindCase kind) {
    Tensorflow__SavedObject *object =
        GFT_PB_NEW(&w->pb, Tensorflow__SavedObject, TENSORFLOW__SAVED_OBJECT__INIT);
    if (object)
        object->kind_case = kind;
    GFT_PB_PUSH(&w->pb, w->meta->object_graph_def, nodes, object);
    return w->pb.failed ? NULL : object;
}

static Tensorflow__SavedObject *user_object(gft_sm_writer *w, const char *identifier) {
    Tensorflow__SavedObject *object = object_new(w, TENSORFLOW__SAVED_OBJECT__KIND_USER_OBJECT);
    Tensorflow__SavedUserObject *user =
        GFT_PB_NEW(&w->pb, Tensorflow__SavedUserObject, TENSORFLOW__SAVED_USER_OBJECT__INIT);
    Tensorflow__VersionDef *version =
        GFT_PB_NEW(&w->pb, Tensorflow__VersionDef, TENSORFLOW__VERSION_DEF__INIT);
    if (!object || !user || !version)
        return NULL;
    version->producer = 1; /* without it lists load as plain objects */
    version->min_consumer = 1;
    user->identifier = (char *)(uintptr_t)identifier;
    user->version = version;
    object->user_object = user;
    return object;
}

/* ---- descriptions of arguments and results ---- */

/* One tensor, or a dict of them. */
static gft_sv *ports_value(gft_pb *pb, const gft_sm_port *ports, int32_t count,
                           const char *single) {
    if (count == 1 && single)
        return gft_sv_tensor_spec(pb, single, &ports[0].desc);
    gft_sv *dict = gft_sv_dict(pb);
    for (int32_t i = 0; i < count; i++)
        gft_sv_set(pb, dict, ports[i].name, gft_sv_tensor_spec(pb, ports[i].name, &ports[i].desc));
    return dict;
}

static gft_sv *pair(gft_pb *pb, gft_sv *first, gft_sv *second) {
    gft_sv *tuple = gft_sv_tuple(pb);
    gft_sv_push(pb, tuple, first);
    gft_sv_push(pb, tuple, second);
    return tuple;
}

/* def __call__(inputs, training=False) */
static Tensorflow__FunctionSpec *call_spec(gft_pb *pb) {
    Tensorflow__FunctionSpec *spec =
        GFT_PB_NEW(pb, Tensorflow__FunctionSpec, TENSORFLOW__FUNCTION_SPEC__INIT);
    gft_sv *full = gft_sv_named_tuple(pb, "FullArgSpec");
    gft_sv *args = gft_sv_list(pb);
    gft_sv *defaults = gft_sv_tuple(pb);
    if (!spec || !full)
        return NULL;
    gft_sv_push(pb, args, gft_sv_text(pb, "inputs"));
    gft_sv_push(pb, args, gft_sv_text(pb, "training"));
    gft_sv_push(pb, defaults, gft_sv_bool(pb, false));
    gft_sv_set(pb, full, "args", args);
    gft_sv_set(pb, full, "varargs", gft_sv_none(pb));
    gft_sv_set(pb, full, "varkw", gft_sv_none(pb));
    gft_sv_set(pb, full, "defaults", defaults);
    gft_sv_set(pb, full, "kwonlyargs", gft_sv_list(pb));
    gft_sv_set(pb, full, "kwonlydefaults", gft_sv_none(pb));
    gft_sv_set(pb, full, "annotations", gft_sv_dict(pb));
    spec->fullargspec = full;
    spec->input_signature = gft_sv_none(pb);
    return spec;
}

static void concrete_function(gft_sm_writer *w, const gft_sm_signature *s, const char *name,
                              gft_sv *input, gft_sv *output) {
    gft_pb *pb = &w->pb;
    Tensorflow__SavedConcreteFunction *function = GFT_PB_NEW(
        pb, Tensorflow__SavedConcreteFunction, TENSORFLOW__SAVED_CONCRETE_FUNCTION__INIT);
    Tensorflow__SavedObjectGraph__ConcreteFunctionsEntry *entry =
        GFT_PB_NEW(pb, Tensorflow__SavedObjectGraph__ConcreteFunctionsEntry,
                   TENSORFLOW__SAVED_OBJECT_GRAPH__CONCRETE_FUNCTIONS_ENTRY__INIT);
    if (!function || !entry || !input || !output)
        return;
    function->bound_inputs =
        gft_arena_array(&w->arena, (size_t)s->capture_count, sizeof *function->bound_inputs);
    if (!function->bound_inputs) {
        pb->failed = true;
        return;
    }
    function->n_bound_inputs = (size_t)s->capture_count;
    for (int32_t i = 0; i < s->capture_count; i++)
        function->bound_inputs[i] = w->variables[s->captures[i]].object;
    function->canonicalized_input_signature = input;
    function->output_signature = output;
    entry->key = (char *)(uintptr_t)name;
    entry->value = function;
    GFT_PB_PUSH(pb, w->meta->object_graph_def, concrete_functions, entry);
}

/* ---- objects ---- */

static void write_lists(gft_sm_writer *w) {
    gft_pb *pb = &w->pb;
    Tensorflow__SavedObject *root = user_object(w, "_generic_user_object");
    child(pb, root, VARIABLES, "variables");
    child(pb, root, TRAINABLE, "trainable_variables");
    child(pb, root, LOSSES, "regularization_losses");
    child(pb, root, CALL, "__call__");
    child(pb, root, SIGNATURES, "signatures");
    Tensorflow__SavedObject *all = user_object(w, "trackable_list_wrapper");
    Tensorflow__SavedObject *trainable = user_object(w, "trackable_list_wrapper");
    (void)user_object(w, "trackable_list_wrapper"); /* no losses */
    int32_t trained = 0;
    for (int32_t i = 0; i < w->variable_count; i++) {
        w->variables[i].object = FIRST_VARIABLE + i;
        child(pb, all, w->variables[i].object, gft_pb_string(pb, "%d", i));
        if (w->variables[i].param->trainable)
            child(pb, trainable, w->variables[i].object, gft_pb_string(pb, "%d", trained++));
    }
}

static void write_call(gft_sm_writer *w) {
    gft_pb *pb = &w->pb;
    const gft_sm_signature *s = &w->signatures[0];
    Tensorflow__SavedObject *object = object_new(w, TENSORFLOW__SAVED_OBJECT__KIND_FUNCTION);
    Tensorflow__SavedFunction *function =
        GFT_PB_NEW(pb, Tensorflow__SavedFunction, TENSORFLOW__SAVED_FUNCTION__INIT);
    if (!object || !function)
        return;
    function->function_spec = call_spec(pb);
    GFT_PB_PUSH(pb, function, concrete_functions, s->body);
    GFT_PB_PUSH(pb, function, concrete_functions, s->training);
    object->function = function;
    for (int training = 0; training < 2; training++) {
        gft_sv *positional = pair(pb, ports_value(pb, s->inputs, s->input_count, "inputs"),
                                  gft_sv_bool(pb, training != 0));
        concrete_function(w, s, training ? s->training : s->body,
                          pair(pb, positional, gft_sv_dict(pb)),
                          ports_value(pb, s->outputs, s->output_count, s->outputs[0].name));
    }
}

static void write_variable_objects(gft_sm_writer *w) {
    for (int32_t i = 0; i < w->variable_count; i++) {
        const gft_param *param = w->variables[i].param;
        Tensorflow__SavedObject *object = object_new(w, TENSORFLOW__SAVED_OBJECT__KIND_VARIABLE);
        Tensorflow__SavedVariable *variable =
            GFT_PB_NEW(&w->pb, Tensorflow__SavedVariable, TENSORFLOW__SAVED_VARIABLE__INIT);
        if (!object || !variable)
            return;
        variable->dtype = (int32_t)param->desc.dtype;
        variable->shape = gft_pb_shape(&w->pb, &param->desc.shape);
        variable->trainable = param->trainable;
        variable->name = (char *)(uintptr_t)param->name;
        object->variable = variable;
    }
}

static void write_signature_object(gft_sm_writer *w, const gft_sm_signature *s) {
    gft_pb *pb = &w->pb;
    Tensorflow__SavedObject *object =
        object_new(w, TENSORFLOW__SAVED_OBJECT__KIND_BARE_CONCRETE_FUNCTION);
    Tensorflow__SavedBareConcreteFunction *bare = GFT_PB_NEW(
        pb, Tensorflow__SavedBareConcreteFunction, TENSORFLOW__SAVED_BARE_CONCRETE_FUNCTION__INIT);
    if (!object || !bare)
        return;
    bare->concrete_function_name = (char *)(uintptr_t)s->wrapper;
    for (int32_t i = 0; i < s->input_count; i++)
        GFT_PB_PUSH(pb, bare, argument_keywords, s->inputs[i].name);
    bare->allowed_positional_arguments = s->input_count == 1 ? 1 : 0;
    object->bare_concrete_function = bare;
    concrete_function(w, s, s->wrapper,
                      pair(pb, gft_sv_tuple(pb), ports_value(pb, s->inputs, s->input_count, NULL)),
                      ports_value(pb, s->outputs, s->output_count, NULL));
}

void gft_sm_write_objects(gft_sm_writer *w) {
    write_lists(w);
    write_call(w);
    Tensorflow__SavedObject *map = user_object(w, "signature_map");
    for (int32_t i = 0; i < w->signature_count; i++)
        child(&w->pb, map, FIRST_VARIABLE + w->variable_count + i, w->signatures[i].key);
    write_variable_objects(w);
    for (int32_t i = 0; i < w->signature_count; i++)
        write_signature_object(w, &w->signatures[i]);
}

/* ---- the checkpoint's graph: root -> variables -> each variable with its key ---- */

typedef Tensorflow__TrackableObjectGraph__TrackableObject trackable;

static trackable *trackable_new(gft_pb *pb, Tensorflow__TrackableObjectGraph *graph) {
    trackable *object = GFT_PB_NEW(pb, Tensorflow__TrackableObjectGraph__TrackableObject,
                                   TENSORFLOW__TRACKABLE_OBJECT_GRAPH__TRACKABLE_OBJECT__INIT);
    GFT_PB_PUSH(pb, graph, nodes, object);
    return pb->failed ? NULL : object;
}

static void trackable_variable(gft_sm_writer *w, trackable *object,
                               const gft_sm_variable *variable) {
    gft_pb *pb = &w->pb;
    Tensorflow__TrackableObjectGraph__TrackableObject__SerializedTensor *tensor =
        GFT_PB_NEW(pb, Tensorflow__TrackableObjectGraph__TrackableObject__SerializedTensor,
                   TENSORFLOW__TRACKABLE_OBJECT_GRAPH__TRACKABLE_OBJECT__SERIALIZED_TENSOR__INIT);
    if (!tensor || !object)
        return;
    tensor->name = gft_pb_string(pb, "VARIABLE_VALUE");
    tensor->full_name = (char *)(uintptr_t)variable->param->name;
    tensor->checkpoint_key = (char *)(uintptr_t)variable->key;
    GFT_PB_PUSH(pb, object, attributes, tensor);
}

Tensorflow__TrackableObjectGraph *gft_sm_checkpoint_objects(gft_sm_writer *w) {
    gft_pb *pb = &w->pb;
    Tensorflow__TrackableObjectGraph *graph =
        GFT_PB_NEW(pb, Tensorflow__TrackableObjectGraph, TENSORFLOW__TRACKABLE_OBJECT_GRAPH__INIT);
    if (!graph)
        return NULL;
    trackable *root = trackable_new(pb, graph);
    trackable *list = trackable_new(pb, graph);
    if (!root || !list)
        return NULL;
    GFT_PB_PUSH(pb, root, children, reference_new(pb, 1, "variables"));
    for (int32_t i = 0; i < w->variable_count; i++) {
        GFT_PB_PUSH(pb, list, children, reference_new(pb, 2 + i, gft_pb_string(pb, "%d", i)));
        trackable_variable(w, trackable_new(pb, graph), &w->variables[i]);
    }
    return pb->failed ? NULL : graph;
}

/*
 * Reading tf.Example in place. Messages are walked with cursors over the same bytes, three levels
 * deep and no deeper, so nothing recurses and nothing is allocated. Lists may be packed or not;
 * fields that are not known are skipped, as protobuf does.
 */
#include "formats/example.h"

#include <string.h>

#include "base/size.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* One field: its number, wire type, and for WIRE_BYTES a cursor over its contents. */
typedef struct field {
    uint64_t number;
    int wire;
    uint64_t value;  /* WIRE_VARINT */
    gft_cursor body; /* WIRE_BYTES, WIRE_32 */
} field;

static graft_status next_field(gft_cursor *c, field *f, graft_error *err) {
    uint64_t tag;
    uint64_t length = 0;
    const size_t start = c->at;
    const uint8_t *p;
    GFT_TRY(gft_cursor_varint(c, &tag, "a field's tag", err));
    f->number = tag >> 3;
    f->wire = (int)(tag & 7);
    switch (f->wire) {
    case WIRE_VARINT:
        return gft_cursor_varint(c, &f->value, "a field's value", err);
    case WIRE_64:
        length = 8;
        break;
    case WIRE_32:
        length = 4;
        break;
    case WIRE_BYTES:
        GFT_TRY(gft_cursor_varint(c, &length, "a field's length", err));
        break;
    default:
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: at byte %zu: a field of wire type %d: no tf.Example", c->where, start,
                        f->wire);
    }
    if (length > gft_cursor_left(c))
        return gft_fail(
            err, GRAFT_DATA_LOSS,
            "%s: at byte %zu: a field of %llu bytes, %zu are left: no tf.Example, or one "
            "that is cut",
            c->where, start, (unsigned long long)length, gft_cursor_left(c));
    f->body = *c;
    f->body.bytes = c->at + (size_t)length;
    return gft_cursor_take(c, (size_t)length, &p, "a field", err);
}

gft_example_reader gft_example_reader_make(const void *data, size_t bytes, const char *where) {
    const gft_cursor c = gft_cursor_make(data, bytes, where);
    return (gft_example_reader){c, gft_cursor_make(data, 0, where)};
}

static gft_feature_kind list_kind(uint64_t number) {
    return number == 1   ? GFT_FEATURE_BYTES
           : number == 2 ? GFT_FEATURE_FLOAT
           : number == 3 ? GFT_FEATURE_INT64
                         : GFT_FEATURE_NONE;
}

/*
 * Which list a Feature holds: the last one's kind, and every list of it behind the last of another
 * kind.
 */
static graft_status find_lists(gft_cursor c, gft_feature *out, graft_error *err) {
    out->kind = GFT_FEATURE_NONE;
    out->lists = c;
    while (gft_cursor_left(&c) > 0) {
        const size_t start = c.at;
        field f;
        GFT_TRY(next_field(&c, &f, err));
        const gft_feature_kind kind = f.wire == WIRE_BYTES ? list_kind(f.number) : GFT_FEATURE_NONE;
        if (kind == GFT_FEATURE_NONE || kind == out->kind)
            continue;
        out->kind = kind;
        out->lists.at = start;
    }
    return GRAFT_OK;
}

/* An entry of the map: key and value; either may be left out by protobuf's rules. */
static graft_status read_entry(gft_cursor c, graft_string_view *key, gft_feature *feature,
                               graft_error *err) {
    gft_cursor value = c;
    value.bytes = value.at;
    *key = (graft_string_view){"", 0};
    while (gft_cursor_left(&c) > 0) {
        field f;
        GFT_TRY(next_field(&c, &f, err));
        if (f.wire != WIRE_BYTES)
            continue;
        if (f.number == 1)
            *key = (graft_string_view){(const char *)f.body.data + f.body.at,
                                       gft_cursor_left(&f.body)};
        else if (f.number == 2)
            value = f.body;
    }
    return find_lists(value, feature, err);
}

graft_status gft_example_next(gft_example_reader *r, graft_string_view *key, gft_feature *feature,
                              bool *more, graft_error *err) {
    field f;
    for (;;) {
        while (gft_cursor_left(&r->features) > 0) {
            GFT_TRY(next_field(&r->features, &f, err));
            if (f.number == 1 && f.wire == WIRE_BYTES) {
                *more = true;
                return read_entry(f.body, key, feature, err);
            }
        }
        if (gft_cursor_left(&r->example) == 0) {
            *more = false;
            return GRAFT_OK;
        }
        GFT_TRY(next_field(&r->example, &f, err));
        if (f.number == 1 && f.wire == WIRE_BYTES)
            r->features = f.body;
    }
}

graft_status gft_example_find(const void *data, size_t bytes, const char *where,
                              graft_string_view key, gft_feature *out, graft_error *err) {
    gft_example_reader r = gft_example_reader_make(data, bytes, where);
    *out = (gft_feature){GFT_FEATURE_NONE, gft_cursor_make(data, 0, where)};
    for (bool more = true; more;) {
        graft_string_view name = {NULL, 0};
        gft_feature feature = *out;
        GFT_TRY(gft_example_next(&r, &name, &feature, &more, err));
        if (more && name.bytes == key.bytes && memcmp(name.data, key.data, key.bytes) == 0)
            *out = feature;
    }
    return GRAFT_OK;
}

/* ---- values ---- */

typedef struct values {
    gft_feature_kind kind;
    void *out;
    size_t room, count;
} values;

static void put_bytes(values *v, const gft_cursor *body) {
    if (v->count < v->room)
        ((graft_string_view *)v->out)[v->count] =
            (graft_string_view){(const char *)body->data + body->at, gft_cursor_left(body)};
    v->count++;
}

static graft_status put_floats(values *v, gft_cursor body, graft_error *err) {
    if (gft_cursor_left(&body) % 4 != 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: %zu bytes of floats", body.where,
                        body.at, gft_cursor_left(&body));
    while (gft_cursor_left(&body) > 0) {
        uint32_t bits;
        GFT_TRY(gft_cursor_u32(&body, &bits, "a float", err));
        if (v->count < v->room)
            memcpy((float *)v->out + v->count, &bits, sizeof bits);
        v->count++;
    }
    return GRAFT_OK;
}

static void put_integer(values *v, uint64_t bits) {
    if (v->count < v->room)
        memcpy((int64_t *)v->out + v->count, &bits, sizeof bits);
    v->count++;
}

static graft_status put_integers(values *v, gft_cursor body, graft_error *err) {
    while (gft_cursor_left(&body) > 0) {
        uint64_t bits;
        GFT_TRY(gft_cursor_varint(&body, &bits, "an integer", err));
        put_integer(v, bits);
    }
    return GRAFT_OK;
}

static graft_status read_list(values *v, gft_cursor c, graft_error *err) {
    while (gft_cursor_left(&c) > 0) {
        field f;
        GFT_TRY(next_field(&c, &f, err));
        if (f.number != 1)
            continue;
        if (v->kind == GFT_FEATURE_BYTES && f.wire == WIRE_BYTES)
            put_bytes(v, &f.body);
        else if (v->kind == GFT_FEATURE_FLOAT && (f.wire == WIRE_BYTES || f.wire == WIRE_32))
            GFT_TRY(put_floats(v, f.body, err));
        else if (v->kind == GFT_FEATURE_INT64 && f.wire == WIRE_BYTES)
            GFT_TRY(put_integers(v, f.body, err));
        else if (v->kind == GFT_FEATURE_INT64 && f.wire == WIRE_VARINT)
            put_integer(v, f.value);
    }
    return GRAFT_OK;
}

graft_status gft_feature_read(const gft_feature *feature, void *out, size_t room, size_t *count,
                              graft_error *err) {
    values v = {feature->kind, out, room, 0};
    gft_cursor c = feature->lists;
    while (feature->kind != GFT_FEATURE_NONE && gft_cursor_left(&c) > 0) {
        field f;
        GFT_TRY(next_field(&c, &f, err));
        if (f.wire == WIRE_BYTES && list_kind(f.number) == feature->kind)
            GFT_TRY(read_list(&v, f.body, err));
    }
    *count = v.count;
    return GRAFT_OK;
}

const char *gft_feature_kind_name(gft_feature_kind kind) {
    static const char *const names[] = {"no", "bytes", "float", "int64"};
    return names[kind];
}

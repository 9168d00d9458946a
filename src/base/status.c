/*
 * Names and HTTP statuses of the status codes, expanded from the one list in graft/status.h.
 */
#include "graft/status.h"

#define NAME_CASE(symbol, number, name, http)                                                      \
    case GRAFT_##symbol:                                                                           \
        return name;
#define HTTP_CASE(symbol, number, name, http)                                                      \
    case GRAFT_##symbol:                                                                           \
        return http;

const char *graft_status_name(graft_status status) {
    switch (status) { GRAFT_STATUS_LIST(NAME_CASE) }
    return "unknown";
}

int graft_status_http(graft_status status) {
    switch (status) { GRAFT_STATUS_LIST(HTTP_CASE) }
    return 500;
}

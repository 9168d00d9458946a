/*
 * Graft: everything public in one include.
 */
#ifndef GRAFT_GRAFT_H
#define GRAFT_GRAFT_H

#include "graft/data.h"
#include "graft/diff.h"
#include "graft/hub.h"
#include "graft/model.h"
#include "graft/status.h"
#include "graft/system.h"
#include "graft/tensor.h"
#include "graft/train.h"

#endif

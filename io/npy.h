// Arrays as files: core/npy.h.
#pragma once

#include "core/npy.h"

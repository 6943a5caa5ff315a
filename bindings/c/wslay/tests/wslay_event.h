/* For wslay's tests, which look into the context. */
#include "../internal.h"

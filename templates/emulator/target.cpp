// Answers whether this machine runs the wider target.
#include "common.hpp"

#include "target.hpp"

// All of Tekio's public interface. See examples/walkthrough.cc for a tour.
#pragma once

#include <tekio/adapt.h>
#include <tekio/dataset.h>
#include <tekio/error.h>
#include <tekio/export.h>
#include <tekio/json.h>
#include <tekio/log.h>
#include <tekio/masked_lm.h>
#include <tekio/masking.h>
#include <tekio/tokenizer.h>

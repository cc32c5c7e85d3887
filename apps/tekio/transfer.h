// How far a fetch or a push is: a bar on the terminal, as training draws one.
#pragma once

#include <functional>
#include <string>

#include "hub/settings.h"

namespace tekio::cli {

/// Whether bars are drawn at all; set once, at start. Without it they are.
void show_transfers(bool shown);

/// For hub::Settings::on_progress; nothing where standard error is no terminal, under --quiet, or where bars are not
/// shown. The bar stands while the function lives.
std::function<void(const hub::Transfer&)> transfer_bar(const std::string& label);

}  // namespace tekio::cli

// What a system's shells and its `man` read of the program, made from the same tables as --help.
#pragma once

#include <filesystem>
#include <string>

namespace tekio::cli {

/// The completions of bash, zsh and fish: scripts that those load by the program's name.
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

/// Writes tekio.1 and tekio-COMMAND.1 for each command. Errors: io.
void write_man_pages(const std::filesystem::path& folder);

}  // namespace tekio::cli

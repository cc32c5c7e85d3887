// tekio_pages FOLDER: writes man pages and completions where `make install` finds them. A program of the build's own.
#include <cstdio>

#include "base/file.h"
#include "pages.h"

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fputs("usage: tekio_pages FOLDER\n", stderr);
    return 2;
  }
  try {
    namespace fs = std::filesystem;
    const fs::path folder = argv[1];
    for (const char* part : {"man1", "bash-completion", "zsh", "fish"}) fs::create_directories(folder / part);
    tekio::cli::write_man_pages(folder / "man1");
    tekio::write_atomically(folder / "bash-completion" / "tekio", tekio::cli::bash_completion());
    tekio::write_atomically(folder / "zsh" / "_tekio", tekio::cli::zsh_completion());
    tekio::write_atomically(folder / "fish" / "tekio.fish", tekio::cli::fish_completion());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tekio_pages: %s\n", error.what());
    return 1;
  }
  return 0;
}

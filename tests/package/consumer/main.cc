// A program of a stranger: opens the model folder that it is given and fills a mask.
#include <tekio/tekio.h>
#include <cstdio>

int main(int argc, char** argv) {
  try {
    const std::string folder = argc > 1 ? argv[1] : "";
    auto model = tekio::MaskedLM::from_pretrained(folder);
    tekio::FillMask fill(model, tekio::Tokenizer::from_pretrained(folder));
    const auto best = fill("you may [MASK] the program.", {.top_k = 1}).at(0);
    std::printf("%lld parameters; best guess of an untrained model: %s\n",
                static_cast<long long>(model.num_parameters()), best.sequence.c_str());
  } catch (const tekio::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return tekio::exit_code(e.kind());
  }
}

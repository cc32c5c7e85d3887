// Found by loading vocab.txt, or vocab.json and merges.txt, under every class name and every model type that
// transformers 4.57.6 and 5.23.0 know, and looking at what came of it. Of the classes that build the same pipeline,
// LayoutLMv2's takes words and boxes and is none of these.
#include "text/tokenizer_class.h"

#include <algorithm>

namespace tekio {
namespace {

using Kind = TokenizerClass::Kind;
using Keeps = TokenizerClass::Keeps;

constexpr TokenizerClass kClasses[] = {
    {"AlbertTokenizer", Kind::albert},
    {"BartTokenizer", Kind::roberta},
    {"BertJapaneseTokenizer", Kind::japanese},
    {"BertTokenizer"},
    {"CamembertTokenizer", Kind::camembert},
    {"ConvBertTokenizer", Kind::bert, Keeps::steps},
    {"DPRContextEncoderTokenizer"},
    {"DPRContextEncoderTokenizerFast", Kind::bert, Keeps::steps},
    {"DPRQuestionEncoderTokenizer"},
    {"DPRQuestionEncoderTokenizerFast", Kind::bert, Keeps::steps},
    {"DPRReaderTokenizer"},
    {"DPRReaderTokenizerFast", Kind::bert, Keeps::steps},
    {"DistilBertTokenizer"},
    {"ElectraTokenizer"},
    {"FunnelTokenizer", Kind::funnel},
    {"LEDTokenizer", Kind::roberta},
    {"LayoutLMTokenizer"},
    {"LongformerTokenizer", Kind::roberta},
    {"LxmertTokenizer"},
    {"MPNetTokenizer", Kind::mpnet},
    {"MobileBertTokenizer"},
    {"MvpTokenizer", Kind::roberta},
    {"RealmTokenizer", Kind::bert, Keeps::all},
    {"RetriBertTokenizer", Kind::bert, Keeps::all},
    {"RobertaTokenizer", Kind::roberta},
    {"SplinterTokenizer", Kind::splinter},
    {"SqueezeBertTokenizer"},
    {"XLMRobertaTokenizer", Kind::xlm_roberta},
};

struct ModelType {
  std::string_view type, name;
};
constexpr std::string_view kBert = "BertTokenizer", kRoberta = "RobertaTokenizer", kAlbert = "AlbertTokenizer",
                           kXlmRoberta = "XLMRobertaTokenizer";
constexpr ModelType kModelTypes[] = {
    {"align", kBert},
    {"bark", kBert},
    {"bert", kBert},
    {"bert-japanese", "BertJapaneseTokenizer"},
    {"blip", kBert},
    {"bros", kBert},
    {"chinese_clip", kBert},
    {"convbert", kBert},
    {"distilbert", "DistilBertTokenizer"},
    {"dpr", kBert},
    {"electra", kBert},
    {"ernie", kBert},
    {"flava", kBert},
    {"git", kBert},
    {"funnel", "FunnelTokenizer"},
    {"grounding-dino", kBert},
    {"layoutlm", kBert},
    {"lxmert", kBert},
    {"megatron-bert", kBert},
    {"mobilebert", kBert},
    {"mm-grounding-dino", kBert},
    {"mpnet", "MPNetTokenizer"},
    {"nezha", kBert},
    {"nomic_bert", kBert},
    {"qdqbert", kBert},
    {"realm", kBert},
    {"retribert", kBert},
    {"splinter", "SplinterTokenizer"},
    {"squeezebert", kBert},
    {"tvp", kBert},
    {"vilt", kBert},
    {"visual_bert", kBert},
    {"bart", kRoberta},
    {"bridgetower", kRoberta},
    {"clap", kRoberta},
    {"data2vec-text", kRoberta},
    {"florence2", kRoberta},
    {"ibert", kRoberta},
    {"led", kRoberta},
    {"lilt", kRoberta},
    {"longformer", kRoberta},
    {"mra", kRoberta},
    {"mvp", kRoberta},
    {"roberta", kRoberta},
    {"roberta-prelayernorm", kRoberta},
    {"albert", kAlbert},
    {"yoso", kAlbert},
    {"camembert", "CamembertTokenizer"},
    {"gte", kXlmRoberta},
    {"jina_embeddings_v3", kXlmRoberta},
    {"metaclip_2", kXlmRoberta},
    {"trocr", kXlmRoberta},
    {"xlm-roberta", kXlmRoberta},
    {"xmod", kXlmRoberta},
};

constexpr RoleNames kMpnetRoles = {"<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"};
constexpr std::string_view kGenericTypes[] = {"modernbert", "modernbert-decoder"};

constexpr RoleNames kAlbertRoles = {"[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"};
constexpr RoleNames kFunnelRoles = {"<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"};

}  // namespace

const RoleNames& TokenizerClass::roles() const {
  switch (kind) {
    case Kind::mpnet:
      return kMpnetRoles;
    case Kind::funnel:
      return kFunnelRoles;
    case Kind::roberta:
    case Kind::xlm_roberta:
    case Kind::camembert:
      return kRobertaRoles;
    case Kind::albert:
      return kAlbertRoles;
    case Kind::bert:
    case Kind::splinter:
    case Kind::japanese:
      break;
  }
  return kBertRoles;
}

const TokenizerClass* find_tokenizer_class(std::string_view name) {
  const auto* found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                   [&](const TokenizerClass& one) { return one.name == name; });
  if (found != std::end(kClasses)) return found;
  constexpr std::string_view kFast = "Fast";
  return name.ends_with(kFast) ? find_tokenizer_class(name.substr(0, name.size() - kFast.size())) : nullptr;
}

const TokenizerClass* tokenizer_class_of_model(std::string_view model_type) {
  const auto* found = std::find_if(std::begin(kModelTypes), std::end(kModelTypes),
                                   [&](const ModelType& one) { return one.type == model_type; });
  return found == std::end(kModelTypes) ? nullptr : find_tokenizer_class(found->name);
}

bool is_model_of_generic_class(std::string_view model_type) {
  return std::find(std::begin(kGenericTypes), std::end(kGenericTypes), model_type) != std::end(kGenericTypes);
}

bool is_generic_class(std::string_view name) {
  return name == kGenericClass || name == "PreTrainedTokenizer" || name == "TokenizersBackend" ||
         name == "PythonBackend";
}

}  // namespace tekio

#include "model/result_json.h"

namespace tekio {

OrderedJson json_of(const Prediction& prediction) {
  return {{"score", static_cast<double>(prediction.score)},
          {"token", prediction.token},
          {"token_str", prediction.token_str},
          {"sequence", prediction.sequence}};
}

OrderedJson json_of(const std::vector<Prediction>& predictions) {
  OrderedJson list = OrderedJson::array();
  for (const Prediction& prediction : predictions) list.push_back(json_of(prediction));
  return list;
}

OrderedJson json_of(const std::vector<std::vector<Prediction>>& masks) {
  if (masks.size() == 1) return json_of(masks.front());
  OrderedJson lists = OrderedJson::array();
  for (const std::vector<Prediction>& predictions : masks) lists.push_back(json_of(predictions));
  return lists;
}

OrderedJson json_of(const ModelInfo& info) {
  return {{"path", info.path},
          {"family", info.family},
          {"layers", info.layers},
          {"hidden_size", info.hidden_size},
          {"heads", info.heads},
          {"intermediate_size", info.intermediate_size},
          {"vocabulary", info.vocabulary},
          {"max_length", info.max_length},
          {"parameters", info.parameters},
          {"missing", info.missing},
          {"unexpected", info.unexpected}};
}

}  // namespace tekio

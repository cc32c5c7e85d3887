// The roles that a token can have.
#pragma once

#include <array>

namespace tekio {

/// In the reference's order; `kRoleNames` are their keys in its files.
enum Role { kBos, kEos, kUnknown, kSep, kPad, kCls, kMask, kRoles };
using RoleNames = std::array<const char*, kRoles>;
inline constexpr RoleNames kRoleNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                                         "pad_token", "cls_token", "mask_token"};
/// The tokens that have these roles in BERT; "": none.
inline constexpr RoleNames kBertRoles = {"", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"};
/// The same in RoBERTa.
inline constexpr RoleNames kRobertaRoles = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"};

}  // namespace tekio

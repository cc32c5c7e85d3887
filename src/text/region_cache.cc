#include "text/region_cache.h"

#include <xxhash.h>

namespace tekio {

LongRegionCache::Tokens LongRegionCache::find(std::string_view region) const {
  if (places_.empty() || region.size() > kRegionLimit) return {};
  const uint64_t hash = XXH3_64bits(region.data(), region.size());
  const Place& place = places_[hash % kPlaces];
  if (place.hash != hash || std::string_view(keys_).substr(place.key, place.key_length) != region) return {};
  return {true, std::span(ids_).subspan(place.tokens, place.token_count),
          std::span(starts_).subspan(place.tokens, place.token_count)};
}

void LongRegionCache::insert(std::string_view region, const std::vector<int32_t>& ids,
                             const std::vector<uint8_t>& starts) {
  if (region.size() > kRegionLimit) return;
  if (places_.empty() || keys_.size() + region.size() > kByteLimit || ids_.size() + ids.size() > kByteLimit) {
    places_.assign(kPlaces, Place{});
    keys_.clear();
    ids_.clear();
    starts_.clear();
  }
  const uint64_t hash = XXH3_64bits(region.data(), region.size());
  places_[hash % kPlaces] = {hash, static_cast<uint32_t>(keys_.size()), static_cast<uint32_t>(ids_.size()),
                             static_cast<uint32_t>(region.size()), static_cast<uint32_t>(ids.size())};
  keys_.append(region);
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  starts_.insert(starts_.end(), starts.begin(), starts.end());
}

}  // namespace tekio

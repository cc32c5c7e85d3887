// What src/dist/nccl/nccl.h declares of NCCL, held to NCCL's own header.
#include <nccl.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <type_traits>

#include "dist/nccl/nccl.h"

namespace tekio::nccl {
namespace {

template <typename Ours, typename Theirs>
constexpr bool is_same_number(Ours ours, Theirs theirs) {
  return sizeof ours == sizeof theirs && static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(is_same_number(Result::success, ncclSuccess));
static_assert(is_same_number(Result::unhandled_cuda_error, ncclUnhandledCudaError));
static_assert(is_same_number(Result::system_error, ncclSystemError));
static_assert(is_same_number(Result::internal_error, ncclInternalError));
static_assert(is_same_number(Result::invalid_argument, ncclInvalidArgument));
static_assert(is_same_number(Result::invalid_usage, ncclInvalidUsage));
static_assert(is_same_number(Result::remote_error, ncclRemoteError));
static_assert(is_same_number(Result::in_progress, ncclInProgress));
static_assert(is_same_number(Type::float32, ncclFloat32));
static_assert(is_same_number(Type::bfloat16, ncclBfloat16));
static_assert(sizeof(UniqueId) == sizeof(ncclUniqueId) && alignof(UniqueId) == alignof(ncclUniqueId));

// The first members of what has grown since.
static_assert(sizeof(Config) <= sizeof(ncclConfig_t) && std::is_standard_layout_v<Config>);
static_assert(offsetof(Config, size) == offsetof(ncclConfig_t, size));
static_assert(offsetof(Config, magic) == offsetof(ncclConfig_t, magic));
static_assert(offsetof(Config, version) == offsetof(ncclConfig_t, version));
static_assert(offsetof(Config, blocking) == offsetof(ncclConfig_t, blocking));
static_assert(offsetof(Config, cga_cluster_size) == offsetof(ncclConfig_t, cgaClusterSize));
static_assert(offsetof(Config, min_ctas) == offsetof(ncclConfig_t, minCTAs));
static_assert(offsetof(Config, max_ctas) == offsetof(ncclConfig_t, maxCTAs));
static_assert(offsetof(Config, net_name) == offsetof(ncclConfig_t, netName));
static_assert(offsetof(Config, split_share) == offsetof(ncclConfig_t, splitShare));

// A function as C passes it: our types stand for NCCL's.
template <typename T>
struct Theirs {
  using type = T;
};
template <>
struct Theirs<Result> {
  using type = ncclResult_t;
};
template <>
struct Theirs<Type> {
  using type = ncclDataType_t;
};
template <>
struct Theirs<UniqueId> {
  using type = ncclUniqueId;
};
template <>
struct Theirs<UniqueId*> {
  using type = ncclUniqueId*;
};
template <>
struct Theirs<Comm> {
  using type = ncclComm_t;
};
template <>
struct Theirs<Comm*> {
  using type = ncclComm_t*;
};
template <>
struct Theirs<Config*> {
  using type = ncclConfig_t*;
};
template <>
struct Theirs<Result*> {
  using type = ncclResult_t*;
};
template <typename Function>
struct AsTheirs;
template <typename R, typename... Arguments>
struct AsTheirs<R (*)(Arguments...)> {
  using type = typename Theirs<R>::type (*)(typename Theirs<Arguments>::type...);
};
template <auto Member, typename Function>
constexpr bool is_declared_as() {
  return std::is_same_v<typename AsTheirs<std::remove_reference_t<decltype(std::declval<Functions&>().*Member)>>::type,
                        Function>;
}
static_assert(is_declared_as<&Functions::version, decltype(&ncclGetVersion)>());
static_assert(is_declared_as<&Functions::unique_id, decltype(&ncclGetUniqueId)>());
static_assert(is_declared_as<&Functions::init, decltype(&ncclCommInitRankConfig)>());
static_assert(is_declared_as<&Functions::async_error, decltype(&ncclCommGetAsyncError)>());
static_assert(is_declared_as<&Functions::finalize, decltype(&ncclCommFinalize)>());
static_assert(is_declared_as<&Functions::destroy, decltype(&ncclCommDestroy)>());
static_assert(is_declared_as<&Functions::abort, decltype(&ncclCommAbort)>());
static_assert(is_declared_as<&Functions::error_text, decltype(&ncclGetErrorString)>());
static_assert(is_declared_as<&Functions::last_error, decltype(&ncclGetLastError)>());
static_assert(is_declared_as<&Functions::group_start, decltype(&ncclGroupStart)>());
static_assert(is_declared_as<&Functions::group_end, decltype(&ncclGroupEnd)>());
static_assert(is_declared_as<&Functions::send, decltype(&ncclSend)>());
static_assert(is_declared_as<&Functions::receive, decltype(&ncclRecv)>());

TEST(NcclHeader, HasAMagicNumber) {
  const ncclConfig_t theirs = NCCL_CONFIG_INITIALIZER;
  const Config ours;
  EXPECT_EQ(ours.magic, theirs.magic);
  EXPECT_EQ(ours.min_ctas, theirs.minCTAs);
  EXPECT_EQ(ours.net_name, theirs.netName);
  EXPECT_LE(ours.version, theirs.version);
}

}  // namespace
}  // namespace tekio::nccl

#include "dist/nccl/nccl.h"

#include <utility>

#include "base/library.h"

namespace tekio::nccl {

const Functions& functions() {
  static const Functions found =
      Library("libnccl.so.2", "libnccl2", "gradients go from GPU to GPU by way of the processors")
          .table<Functions>(
              std::pair("ncclGetVersion", &Functions::version), std::pair("ncclGetUniqueId", &Functions::unique_id),
              std::pair("ncclCommInitRankConfig", &Functions::init),
              std::pair("ncclCommGetAsyncError", &Functions::async_error),
              std::pair("ncclCommFinalize", &Functions::finalize), std::pair("ncclCommDestroy", &Functions::destroy),
              std::pair("ncclCommAbort", &Functions::abort), std::pair("ncclGetErrorString", &Functions::error_text),
              std::pair("ncclGetLastError", &Functions::last_error),
              std::pair("ncclGroupStart", &Functions::group_start), std::pair("ncclGroupEnd", &Functions::group_end),
              std::pair("ncclSend", &Functions::send), std::pair("ncclRecv", &Functions::receive));
  return found;
}

}  // namespace tekio::nccl

// `jetpack upload FILE`: stores a file in the locker, for the benchmark of transfers.
#include <fcntl.h>
#include <unistd.h>

#include <jetpack/plugin.hpp>

static int run(const jetpack::Call& call) {
  const int fd = ::open(std::string(*call.text("FILE")).c_str(), O_RDONLY);
  call.service<jetpack::Storage>().upload("bench/x", [&](char* buffer, size_t capacity) {
    const ssize_t got = ::read(fd, buffer, capacity);
    if (got < 0) throw jetpack::Error(jetpack::Errc::failed, "cannot read the file");
    return static_cast<size_t>(got);
  });
  return 0;
}

JETPACK_PLUGIN("bench.upload", "1.0.0",
               jetpack::command("upload", "Store a file in the locker", run,
                                jetpack::argument("FILE", "What to store")));

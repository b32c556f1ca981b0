// Lets a plugin have only so many processes: answers the kernel, which asks before each fork.
#include "loader/fork_counter.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <linux/seccomp.h>

#include <jetpack/error.hpp>
#include "loader/bare_calls.hpp"

namespace jetpack {

namespace {

// As linux/seccomp.h has them since Linux 5.0 and 5.5, newer than the headers we may be built with.
struct Question {
  uint64_t id;
  uint32_t pid;
  uint32_t flags;
  seccomp_data call;
};
struct Answer {
  uint64_t id;
  int64_t value;
  int32_t error;
  uint32_t flags;
};
constexpr uint32_t go_on = 1;  // SECCOMP_USER_NOTIF_FLAG_CONTINUE
constexpr unsigned long receive = _IOWR('!', 0, Question);
constexpr unsigned long send = _IOWR('!', 1, Answer);

// The message that carries one descriptor, and a byte because there must be one.
struct Parcel {
  char byte = 0;
  iovec content{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{nullptr, 0, &content, 1, control, sizeof control, 0};
};

}  // namespace

void send_descriptor(const support::Fd& socket, const support::Fd& descriptor) {
  Parcel parcel;
  cmsghdr* header = CMSG_FIRSTHDR(&parcel.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = descriptor.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  if (bare::sendmsg(socket.get(), &parcel.message, MSG_NOSIGNAL) != 1)
    throw Error(Errc::unavailable,
                "cannot hand over a descriptor: " + support::system_message(errno));
}

support::Fd receive_descriptor(const support::Fd& socket) {
  Parcel parcel;
  if (bare::recvmsg(socket.get(), &parcel.message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&parcel.message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};
  int number = -1;
  std::memcpy(&number, CMSG_DATA(header), sizeof number);
  return support::Fd(number);
}

void ForkCounter::answer() {
  Question question{};
  if (::ioctl(listener_.get(), receive, &question) != 0) return;
  Answer answer{question.id, 0, 0, go_on};
  if (!may_fork()) {
    answer.error = -EAGAIN;
    answer.flags = 0;
  }
  // Who asked may have been killed meanwhile.
  ::ioctl(listener_.get(), send, &answer);
}

bool ForkCounter::may_fork() {
  if (left_ == 0) {
    const uint64_t running = count_();
    left_ = running < most_ ? most_ - running : 0;
  }
  if (left_ == 0) return false;
  --left_;
  return true;
}

}  // namespace jetpack

#include "azure/simulation.hpp"

#include <doctest/doctest.h>

#include "common/json.hpp"
#include "support/json.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t at = 1'700'000'000'000;

ScheduledEvent preemption(const std::string& id, int64_t not_before) {
  ScheduledEvent event;
  event.id = id;
  event.type = "Preempt";
  event.resources = {"execute-1"};
  event.not_before = not_before;
  event.lasts = 10'000;
  return event;
}

}  // namespace

TEST_CASE("an event is Scheduled, then Started, then gone, each with a new incarnation") {
  Simulation azure;
  schedule(azure, preemption("a", at + 30'000));
  CHECK(azure.incarnation == 2);
  advance(azure, at + 29'999);
  CHECK(azure.incarnation == 2);
  CHECK(events_document(azure, "2020-07-01").find("Scheduled") != std::string::npos);
  CHECK(
      events_document(azure, "2020-07-01").find(R"("NotBefore":"Tue, 14 Nov 2023 22:13:50 GMT")") !=
      std::string::npos);
  advance(azure, at + 30'000);
  CHECK(azure.incarnation == 3);
  CHECK(events_document(azure, "2020-07-01").find(R"("EventStatus":"Started")") !=
        std::string::npos);
  CHECK(events_document(azure, "2020-07-01").find(R"("NotBefore":"")") != std::string::npos);
  advance(azure, at + 40'000);
  CHECK(azure.events.empty());
  CHECK(azure.incarnation == 4);
}

TEST_CASE("StartRequests starts all of its events or, when one is unknown, none") {
  Simulation azure;
  schedule(azure, preemption("a", at + 30'000));
  const std::vector<std::string> wrong{"a", "b"};
  CHECK_FALSE(start(azure, wrong, at));
  CHECK(azure.events[0].started == 0);
  const std::vector<std::string> right{"a"};
  CHECK(start(azure, right, at));
  CHECK(azure.events[0].started == at);
  const int64_t incarnation = azure.incarnation;
  CHECK(start(azure, right, at + 1));
  CHECK(azure.incarnation == incarnation);
  CHECK(azure.requests.size() == 4);
  CHECK(azure.requests[2].result == "started");
  CHECK(azure.requests[3].result == "repeated");
}

TEST_CASE("the document has what its version has") {
  Simulation azure;
  schedule(azure, preemption("a", at));
  CHECK(events_document(azure, "2017-08-01").find("Preempt") == std::string::npos);
  CHECK(events_document(azure, "2017-11-01").find("Preempt") != std::string::npos);
  CHECK(events_document(azure, "2017-11-01").find("Description") == std::string::npos);
  CHECK(events_document(azure, "2019-08-01").find("EventSource") != std::string::npos);
  CHECK(events_document(azure, "2019-08-01").find("DurationInSeconds") == std::string::npos);
  CHECK(events_document(azure, "2020-07-01").find(R"("DurationInSeconds":-1)") !=
        std::string::npos);
}

TEST_CASE("a fault ends after its number of requests, or at its time") {
  Simulation azure;
  azure.faults = {{"429", "identity", 0, 1, 0}, {"500", "all", at + 10, 0, 0}};
  CHECK(take_fault(azure, "scheduledevents")->kind == "500");
  CHECK(take_fault(azure, "identity")->kind == "429");
  CHECK(take_fault(azure, "identity")->kind == "500");
  advance(azure, at + 10);
  CHECK_FALSE(take_fault(azure, "identity"));
}

}  // namespace jetpack::hub

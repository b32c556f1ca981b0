// The revision of what nodes and accounts are given: a number that changes with each input of it.
#pragma once

#include <cstdint>

#include "store/dialect.hpp"
#include "store/sql.hpp"

namespace jetpack::hub {

// Changes whenever something is committed, by any process or by hand, that a node's userdata, its
// return to the phases before Ready, an account or its rights are made of. What was read after a
// revision holds as long as the revision is still the same. Never 0.
int64_t read_revision(SqlSession& session);

// Creates the triggers that change it, in place of those of an earlier version.
void create_revision_triggers(SqlSession& session, Dialect dialect);

}  // namespace jetpack::hub

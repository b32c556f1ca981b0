// The revision of what nodes and accounts are given: a number that changes with each input of it.
#pragma once

#include "store/dialect.hpp"
#include "store/sql.hpp"

namespace jetpack::hub {

// Creates the triggers that change the revision (see Database::revision), in place of those of an earlier version.
void create_revision_triggers(SqlSession& session, Dialect dialect);

}  // namespace jetpack::hub

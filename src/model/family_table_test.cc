#include "model/family_table.h"

#include <gtest/gtest.h>

#include "model/testing/files.h"

namespace strata::model {
namespace {

TEST(FamilyTable, TheDocumentIsCurrent) {
  const std::string document = testing::read_text(testing::golden("../../docs/models.md"));
  EXPECT_NE(document.find("\n" + family_table()), std::string::npos)
      << "docs/models.md: replace its table by what `strata models` prints";
}

}  // namespace
}  // namespace strata::model

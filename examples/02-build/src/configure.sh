# Looks at what it was given: without a title there is nothing to build.
set -e
. ./site.conf
test -n "$title"
echo "configured: $title"

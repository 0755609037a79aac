# The page, from the template beside this script, and a report of how that went.
. ./site.conf
report() { echo "<testsuite tests='1' failures='$1'/>" > junit.xml; }
report 1
mkdir -p "$1"
sed "s/@TITLE@/$title/" /src/index.html.in > "$1/index.html" || exit 2
report 0

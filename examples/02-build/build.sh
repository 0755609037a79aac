# The page, from the template beside this script.
set -e
. "./$1"
mkdir -p "$2"
sed "s/@TITLE@/$title/" /src/index.html.in > "$2/index.html"

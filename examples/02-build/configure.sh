# Writes what the build is to do.
echo "title='$TITLE'" > "$1"
echo "configured $1"
